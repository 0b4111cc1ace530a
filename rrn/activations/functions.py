"""Known activation functions on tensors by name, and any callable or module as a function on NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rrn.activations.baselines import DSiLU
from rrn.activations.fitting.functions import NAMES as NAMES
from rrn.activations.fitting.functions import Function, OnArrays, check_function, full_name
from rrn.common.eval_mode import eval_mode

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


def named(name: str) -> Callable[[Tensor], Tensor]:
    """Return the known activation function of this name, on tensors of any shape.

    Raises:
        ValueError: unknown name.
    """
    return FUNCTIONS[full_name(name)]


def as_function(function: str | Callable) -> Function:
    """Return a function that takes and returns arrays [K].

    Args:
        function: a name (`rrn.activations.fitting.functions.NAMES`), a callable on arrays or tensors, or a module.

    Raises:
        ValueError: unknown name, or not a function. The returned function raises it if the given one works neither on
            arrays nor on tensors, or does not give one real number for each element.
    """
    check_function(function)
    if isinstance(function, OnArrays):
        return function
    return _OnArrays(named(function) if isinstance(function, str) else function, isinstance(function, str | nn.Module))


@dataclass(frozen=True)
class _OnArrays(OnArrays):
    """Function on arrays [K], made from one on arrays or tensors."""

    wants_tensors: bool
    kinds: ClassVar[str] = "arrays or tensors"

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        y: Any = None
        if not self.wants_tensors:
            with suppress(TypeError, AttributeError, RuntimeError, ValueError):  # the function needs tensors
                y = super().evaluate(x)
        if y is None:
            y = _on_tensor(self.function, x)
        if isinstance(y, Tensor):
            y = y.detach().cpu()
            y = (y.resolve_conj() if y.is_complex() else y.double()).numpy()
        return y


@torch.no_grad()
def _on_tensor(function: Callable, x: np.ndarray) -> Tensor:
    """Apply the function to x as a tensor; a module in eval mode, with the dtype and device of its parameters."""
    copy = torch.tensor(x, dtype=torch.float64, device="cpu")  # the function may change it
    if not isinstance(function, nn.Module):
        return function(copy)
    owner = getattr(function, "owner", function)  # a shared rational has no parameters of its own
    like = next((p for p in owner.parameters() if p.is_floating_point()), copy)
    with eval_mode(function):
        return function(copy.to(like.device, like.dtype))
