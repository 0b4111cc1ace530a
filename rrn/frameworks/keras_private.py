"""Private names of Keras that rrn uses, and what happens in a Keras that lacks them."""

from __future__ import annotations

import sys
from typing import Any


def sequential_with(layer: Any) -> str | None:
    """Return the name of a `keras.Sequential` that has this layer twice and is being built or cloned now, or None.

    Keras calls a layer without saying for which model, so the callers are asked. None in a Keras that keeps the layers
    of a `Sequential` under another name than `_layers`.
    """
    frame = sys._getframe(1)
    while frame:
        model = frame.f_locals.get("self")
        layers = getattr(model, "_layers", ()) if type(model).__name__ == "Sequential" else ()
        if sum(other is layer for other in layers) > 1:
            return model.name
        frame = frame.f_back
    return None
