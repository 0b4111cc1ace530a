"""Known activation functions by name, and any callable evaluated on NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rrn.activations.baselines import DSiLU
from rrn.common.errors import first_line
from rrn.common.eval_mode import evaluating

Function = Callable[[np.ndarray], np.ndarray]

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": torch.clone,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "leaky_relu_0.1": partial(F.leaky_relu, negative_slope=0.1),
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "d_silu": DSiLU(),
    "mish": F.mish,
    "hardswish": F.hardswish,
    "softplus": F.softplus,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softsign": F.softsign,
    "hardtanh": F.hardtanh,
    "sin": torch.sin,
}
ALIASES = {"swish": "silu"}
NAMES = (*FUNCTIONS, *ALIASES)


def named(name: str) -> Callable[[Tensor], Tensor]:
    """The known function of this name, of tensors of any shape.

    Raises:
        ValueError: unknown name.
    """
    if name not in NAMES:
        raise ValueError(f"expected one of {', '.join(NAMES)}, or a callable, got {name!r}.")
    return FUNCTIONS[ALIASES.get(name, name)]


def as_function(function: str | Callable) -> Function:
    """The function of a name, or one that takes and returns arrays [K] from one on arrays or tensors.

    Raises:
        ValueError: unknown name, or no function. The function that comes back raises it if the given one works
            neither on arrays nor on tensors, or does not give one number for each.
    """
    if isinstance(function, type) or not (isinstance(function, str) or callable(function)):
        hint = f"; {function.__name__}() is one" if isinstance(function, type) else ""
        raise ValueError(f"expected a name or a function, got {getattr(function, '__name__', repr(function))}{hint}.")
    return _OnArrays(named(function) if isinstance(function, str) else function, isinstance(function, str | nn.Module))


@dataclass(frozen=True)
class _OnArrays:
    """A function on arrays [K]; an object, so that it can be pickled where the function itself can be."""

    function: Callable
    wants_tensors: bool

    def __call__(self, x: np.ndarray) -> np.ndarray:
        y = None
        if not self.wants_tensors:
            with suppress(TypeError, AttributeError, RuntimeError, ValueError):  # it wants them after all
                y = self.function(x.copy())  # it may work in place
        if y is None:
            try:
                y = _on_tensor(self.function, x)
            except Exception as error:
                raise ValueError(
                    "expected a function of arrays or tensors [K], that works element by element; it failed: "
                    + first_line(error)
                ) from error
        if y.is_complex() if isinstance(y, Tensor) else np.iscomplexobj(y):
            raise ValueError("expected a function with real values, got complex ones.")
        y = np.asarray(y.detach().double().cpu() if isinstance(y, Tensor) else y, dtype=np.float64)
        if y.shape != x.shape:
            raise ValueError(f"expected a function that works element by element; it made {y.shape} of {x.shape}.")
        return y


@torch.no_grad()
def _on_tensor(function: Callable, x: np.ndarray) -> Tensor:
    """The function of a tensor, a module in evaluation mode and with an input of its own type and device."""
    copy = torch.tensor(x, dtype=torch.float64, device="cpu")  # it may work in place
    if not isinstance(function, nn.Module):
        return function(copy)
    owner = getattr(function, "owner", function)  # a place has no parameters of its own
    like = next((p for p in owner.parameters() if p.is_floating_point()), copy)
    with evaluating(function):
        return function(copy.to(like.device, like.dtype))
