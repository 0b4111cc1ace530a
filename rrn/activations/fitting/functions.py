"""Known activation functions on NumPy arrays by name, and callables whose results are checked.

rrn/activations/functions.py has the known functions on tensors, and also accepts callables on tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rrn.common.errors import first_line

Function = Callable[[np.ndarray], np.ndarray]
SELU = 1.0507009873554804934, 1.6732632423543772848  # scale and alpha (Klambauer et al. 2017)


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0.0)


def _leaky_relu(x: np.ndarray, slope: float = 0.01) -> np.ndarray:
    return np.where(x > 0, x, slope * x)


def _leaky_relu_tenth(x: np.ndarray) -> np.ndarray:
    return _leaky_relu(x, 0.1)


def _elu(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)))


@np.errstate(over="ignore")
def _selu(x: np.ndarray) -> np.ndarray:
    scale, alpha = SELU
    return np.where(x > 0, scale * x, scale * alpha * np.expm1(np.minimum(x, 0.0)))


def _gelu(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf  # only needed here

    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


@np.errstate(over="ignore")
def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@np.errstate(over="ignore")
def _silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


def _d_silu(x: np.ndarray) -> np.ndarray:
    s = _sigmoid(x)
    return s * (1 + x * (1 - s))


@np.errstate(over="ignore")
def _mish(x: np.ndarray) -> np.ndarray:
    return x * np.tanh(np.log1p(np.exp(x)))


@np.errstate(over="ignore")
def _hardswish(x: np.ndarray) -> np.ndarray:
    return x * np.clip(x + 3, 0.0, 6.0) / 6


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.where(x > 20, x, np.log1p(np.exp(np.minimum(x, 20.0))))  # torch's threshold


def _softsign(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.abs(x))


def _hardtanh(x: np.ndarray) -> np.ndarray:
    return np.clip(x, -1.0, 1.0)


FUNCTIONS: dict[str, Function] = {
    "identity": np.copy,
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "leaky_relu_0.1": _leaky_relu_tenth,
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "silu": _silu,
    "d_silu": _d_silu,
    "mish": _mish,
    "hardswish": _hardswish,
    "softplus": _softplus,
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "softsign": _softsign,
    "hardtanh": _hardtanh,
    "sin": np.sin,
}
ALIASES = {"swish": "silu"}
NAMES = (*FUNCTIONS, *ALIASES)


def full_name(name: str) -> str:
    """Return the name in FUNCTIONS of a known function or alias.

    Raises:
        ValueError: unknown name.
    """
    if name not in NAMES:
        raise ValueError(f"expected one of {', '.join(NAMES)}, or a callable, got {name!r}.")
    return ALIASES.get(name, name)


def affine_formula(name: str, a: float, b: float, c: float, d: float) -> str:
    """Write a f(c x + d) + b with three digits, without what has no effect: "1.02 silu(0.98 x + 0.1) - 0.03"."""

    def term(value: float) -> str:
        return f" {'-' if value < 0 else '+'} {abs(value):.3g}" if abs(value) >= 5e-4 else ""

    def factor(value: float) -> str:
        text = f"{value:.3g}"
        return {"1": "", "-1": "-"}.get(text, f"{text} ")

    return f"{factor(a)}{name}({factor(c)}x{term(d)}){term(b)}"


def check_function(function: object) -> None:
    """Raise ValueError unless this is a name or a callable other than a class."""
    if isinstance(function, type) or not (isinstance(function, str) or callable(function)):
        hint = f"; {function.__name__}() is one" if isinstance(function, type) else ""
        raise ValueError(f"expected a name or a function, got {getattr(function, '__name__', repr(function))}{hint}.")


def as_function(function: str | Callable) -> Function:
    """Return the function of a name, or a callable on arrays [K] with its results checked.

    Raises:
        ValueError: unknown name, or not a function. The returned function raises it if the given one does not work on
            arrays, or does not give one real number for each element.
    """
    check_function(function)
    if isinstance(function, OnArrays):
        return function
    return OnArrays(FUNCTIONS[full_name(function)] if isinstance(function, str) else function)


@dataclass(frozen=True)
class OnArrays:
    """Function on arrays [K] with its result checked; it can be pickled if the wrapped function can be."""

    function: Callable
    kinds: ClassVar[str] = "arrays"

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        """Return the unchecked value of the function at x [K], an array of any shape and dtype."""
        return self.function(x.copy())  # the function may change it

    def __call__(self, x: np.ndarray) -> np.ndarray:
        try:
            y = self.evaluate(x)
        except Exception as error:
            raise ValueError(
                f"expected a function of {self.kinds} [K], that works element by element; it failed: "
                + first_line(error)
            ) from error
        if np.iscomplexobj(y):
            raise ValueError("expected a function with real values, got complex ones.")
        try:
            y = np.asarray(y, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"expected a function with real values, got {str(y)[:40]!r}.") from None
        if y.shape != x.shape:
            raise ValueError(f"expected a function that works element by element; it made {y.shape} of {x.shape}.")
        return y
