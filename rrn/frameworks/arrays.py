"""Value and gradients of rationals on NumPy arrays: the compiled kernels where they were built, else plain NumPy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rrn.activations.fitting.formula import VERSIONS, denominator_size
from rrn.activations.ops.cpu_modules import VERSION_NUMBERS, capability, load
from rrn.frameworks.formula import Values, limit

KERNELS, PROBLEM = load(capability())
BLOCK = 16_384  # elements that plain NumPy takes at once, so that they stay in the cache
SILENT: Any = {"over": "ignore", "invalid": "ignore", "divide": "ignore"}  # infinite and NaN as in torch: no warning


class Problem:
    """R at the elements of an array, ready for the kernels.

    Args:
        x: [any shape], of a float dtype; whole numbers become float64, as in NumPy's own functions.
        numerator: [G, n + 1], lowest power first.
        denominator: [G, m], or [G, m + 1] for version C, lowest power first.
        version: one of A, B, C, D, N.
        axis: for G > 1, the axis of x whose size is a multiple of G.

    Arithmetic is float32 at least, and float64 for degrees above 5.

    Raises:
        ValueError: unknown version, arrays that are no numbers or of other shapes.
    """

    def __init__(self, x: ArrayLike, numerator: ArrayLike, denominator: ArrayLike, version: str, axis: int):
        x, a, b = numbers("x", x), numbers("numerator", numerator), numbers("denominator", denominator)
        groups = check(x.shape, a.shape, b.shape, version, axis)
        self.version, self.shape, self.dtype = version, x.shape, x.dtype
        dtype = np.result_type(_arithmetic(x), _arithmetic(a), _arithmetic(b))
        if max(a.shape[1] - 1, b.shape[1]) > 5:  # with version C, whose b is longer by one, from degree 5
            dtype = np.dtype(np.float64)
        outer = math.prod(x.shape[: axis % x.ndim]) if groups > 1 else 1
        self.x = np.ascontiguousarray(x, dtype).reshape(outer, groups, -1 if x.size else 0)
        self.a, self.b = (np.ascontiguousarray(c, dtype) for c in (a, b))

    def forward(self, into: np.ndarray | None = None) -> np.ndarray:
        """Compute R(x), [shape of x], of the dtype of x; in the memory of `into`, if that is of the arithmetic."""
        y = self._room(into)
        if self.x.size == 0:
            pass
        elif KERNELS:
            KERNELS.forward(*self._arguments(), y.ctypes.data, 0)
        else:
            for block, a, b, into in self._blocks(y):
                into[:] = _forward(block, a, b, self.version)
        return self._like_x(y)

    def backward(self, grad: np.ndarray, into: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compute the gradients w.r.t. x, numerator and denominator from that w.r.t. R(x), [shape of x].

        Those of the coefficients are of the dtype of the arithmetic. `into` is for the gradient w.r.t. x.
        """
        grad = np.ascontiguousarray(np.broadcast_to(grad, self.shape), self.x.dtype).reshape(self.x.shape)
        grad_x, grad_a, grad_b = self._room(into), np.zeros_like(self.a), np.zeros_like(self.b)
        if self.x.size == 0:
            pass
        elif KERNELS:
            pointers = [c.ctypes.data for c in (grad, grad_x, grad_a, grad_b)]
            KERNELS.backward(*self._arguments(), *pointers, 0)
        else:
            sums = np.zeros(self.a.shape), np.zeros(self.b.shape)
            for (block, a, b, into), (part, a_sum, b_sum, _) in zip(
                self._blocks(grad_x), self._blocks(grad_x, grad, *sums), strict=True
            ):
                with np.errstate(**SILENT):
                    values = Values(np, block, a, b, self.version, limit(np, a, b, block.dtype == np.float64))
                    into[:] = part * values.slope
                    a_sum += [np.dot(part, factor) for factor in values.powers(len(a), "a")]
                    b_sum += [np.dot(part, factor) for factor in values.powers(len(b), "b")]
            grad_a[:] = sums[0]
            grad_b[:] = sums[1] * np.where(self.b < 0, -1, 1) if self.version == "A" else sums[1]
        return self._like_x(grad_x), grad_a, grad_b

    def _arguments(self) -> tuple[int, ...]:
        """List the arguments with which forward and backward of the kernels begin."""
        return (
            self.x.dtype == np.float64,
            VERSION_NUMBERS[self.version],
            *self.x.shape,
            self.a.shape[1] - 1,
            self.b.shape[1],
            *(c.ctypes.data for c in (self.x, self.a, self.b)),
        )

    def _blocks(self, into: np.ndarray, x: np.ndarray | None = None, a=None, b=None) -> Iterator:
        """Yield parts of x and of `into`, [K], with their rows of a and b."""
        x = self.x if x is None else x
        a, b = self.a if a is None else a, self.b if b is None else b
        for outer in range(x.shape[0]):
            for group in range(x.shape[1]):
                for start in range(0, x.shape[2], BLOCK):
                    part = outer, group, slice(start, start + BLOCK)
                    yield x[part], a[group], b[group], into[part]

    def _room(self, into: np.ndarray | None) -> np.ndarray:
        """Return memory for a result, [shape of self.x]."""
        if into is None or into.dtype != self.x.dtype:
            return np.empty_like(self.x)
        return into.reshape(self.x.shape)

    def _like_x(self, y: np.ndarray) -> np.ndarray:
        return narrow(y, self.dtype).reshape(self.shape)


def check(x: tuple[int, ...], a: tuple[int, ...], b: tuple[int, ...], version: str, axis: int) -> int:
    """Return the number of groups of coefficients.

    Args:
        x, a, b: shapes of the input, the numerator and the denominator.

    Raises:
        ValueError: unknown version, or shapes that do not go together.
    """
    if version not in VERSIONS:
        raise ValueError(f"version: expected one of {', '.join(VERSIONS)}, got {version!r}.")
    if len(a) != 2 or len(b) != 2 or a[0] != b[0] or min(*a, *b) < 1 or a[1] < 2 or b[1] < denominator_size(1, version):
        raise ValueError(
            "expected a numerator [G, n + 1] and a denominator [G, m], for version C [G, m + 1], with n and m of at "
            f"least 1, got shapes {a} and {b}."
        )
    groups = a[0]
    if groups > 1 and (not -len(x) <= axis < len(x) or x[axis] % groups):
        raise ValueError(f"expected an input whose axis {axis} is a multiple of groups={groups}, got shape {x}.")
    return groups


def path() -> str:
    """Say in one sentence what computes rationals of NumPy, and why."""
    if KERNELS is None:
        return f"plain NumPy, which is several times slower: {PROBLEM}"
    return f"compiled kernel {KERNELS.__name__}, on one thread"


def numbers(name: str, given: ArrayLike) -> np.ndarray:
    """Return an array of real numbers; whole numbers become float64. Raise ValueError with this name for others."""
    values = np.asarray(given)
    if values.dtype.kind in "biu":
        return values.astype(np.float64)
    if values.dtype.kind == "f" or values.dtype.name == "bfloat16":  # that of ml_dtypes
        return values
    raise ValueError(f"{name}: expected an array of real numbers, got one of {values.dtype}.")


def narrow(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Convert results to a dtype in which they may be infinite, as in torch without a warning."""
    with np.errstate(**SILENT):
        return values.astype(dtype, copy=False)


def _arithmetic(values: np.ndarray) -> np.dtype:
    return np.dtype(np.float64 if values.dtype.itemsize >= 8 else np.float32)


def _forward(x: np.ndarray, a: np.ndarray, b: np.ndarray, version: str) -> np.ndarray:
    """Compute R at x [K]; in place, where no element is beyond the limit."""
    far = limit(np, a, b, x.dtype == np.float64)
    y = np.abs(x)
    if not y.max() <= far:  # or NaN
        with np.errstate(**SILENT):
            return Values(np, x, a, b, version, far).value
    y, c = (y, np.abs(b)) if version == "A" else (x, b)
    s = _horner(c, y)
    if version != "C":
        s *= y
    if version in "BCD":
        np.abs(s, out=s)
    s += b.dtype.type(0.1 if version == "C" else 1.0)
    return np.divide(_horner(a, x), s, out=s)


def _horner(c: np.ndarray, x: np.ndarray) -> np.ndarray:
    total = np.full_like(x, c[-1])
    for coefficient in c[-2::-1]:
        total *= x
        total += coefficient
    return total
