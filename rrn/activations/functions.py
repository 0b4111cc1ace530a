"""Known functions by name, for fits, and any callable evaluated on NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.special import erf, expit
from torch import nn

Function = Callable[[np.ndarray], np.ndarray]

FUNCTIONS: dict[str, Function] = {
    "leaky_relu": lambda x: np.where(x < 0, 0.01 * x, x),
    "leaky_relu_0.1": lambda x: np.where(x < 0, 0.1 * x, x),
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": expit,
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "silu": lambda x: x * expit(x),
    "identity": lambda x: x,
}
ALIASES = {"swish": "silu"}


def as_function(function: str | Callable) -> Function:
    """The function of a name, or one that takes and returns arrays [K] from one on arrays or tensors.

    Raises:
        ValueError: unknown name. The function that comes back raises it if the given one works
            neither on arrays nor on tensors, or does not give one number for each.
    """
    if isinstance(function, str):
        name = ALIASES.get(function, function)
        if name not in FUNCTIONS:
            known = ", ".join([*FUNCTIONS, *ALIASES])
            raise ValueError(f"expected one of {known}, or a callable, got {function!r}.")
        return FUNCTIONS[name]

    def evaluate(x: np.ndarray) -> np.ndarray:
        if isinstance(function, nn.Module):
            y = _on_tensor(function, x)
        else:
            try:
                y = function(x)
            except (TypeError, AttributeError, RuntimeError):  # it wants a tensor
                y = _on_tensor(function, x)
        y = np.asarray(y.detach().double().cpu() if isinstance(y, torch.Tensor) else y, dtype=np.float64)
        if y.shape != x.shape:
            raise ValueError(f"expected a function that works element by element; it made {y.shape} of {x.shape}.")
        return y

    return evaluate


@torch.no_grad()
def _on_tensor(function: Callable, x: np.ndarray) -> torch.Tensor:
    """The function of a tensor, a module in evaluation mode and with an input of its own type and device."""
    like = torch.empty(0, dtype=torch.float64)
    training = False
    if isinstance(function, nn.Module):
        like = next((p for p in function.parameters() if p.is_floating_point()), like)
        training = function.training
        function.eval()
    try:
        return function(torch.from_numpy(x).to(like))
    finally:
        if training:
            function.train()
