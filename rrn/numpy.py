"""Rational activations on NumPy arrays, without torch: `rational`, `gradients` and `Rational`.

The compiled kernels compute them, on one thread, where they were built; plain NumPy does otherwise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rrn.activations.fitting.form import Form, Init
from rrn.frameworks.arrays import Problem
from rrn.frameworks.tails import LinearTails

Ends = tuple[float, float]


def rational(
    x: ArrayLike,
    numerator: ArrayLike,
    denominator: ArrayLike,
    version: str = "A",
    axis: int = 1,
    tail_range: Ends | None = None,
) -> np.ndarray:
    """Evaluate R(x) = P(x) / Q(x) element by element, see `rrn.activations.ops.operator.rational`.

    Args:
        x: input, any shape, of real numbers.
        numerator: [G, n + 1], lowest power first.
        denominator: [G, m], or [G, m + 1] for version C, lowest power first.
        version: form of Q: A, B, C, D or N; D is evaluated without its noise, as B.
        axis: for G > 1, the axis of x whose size is a multiple of G; its consecutive elements share one row.
        tail_range: (low, high), outside of which R is continued by its tangents; None: R everywhere.

    Returns:
        R(x), with the shape and dtype of x; float64 for whole numbers. Arithmetic is float32 at least, and float64
        for degrees above 5.

    Raises:
        ValueError: unknown version, arrays that are no numbers or of other shapes.
    """
    if tail_range is None:
        return Problem(x, numerator, denominator, version, axis).forward()
    return LinearTails(x, numerator, denominator, version, axis, tail_range).forward()


def gradients(
    grad: ArrayLike,
    x: ArrayLike,
    numerator: ArrayLike,
    denominator: ArrayLike,
    version: str = "A",
    axis: int = 1,
    tail_range: Ends | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute the gradients of a loss w.r.t. x, numerator and denominator, each with the shape of what it is for.

    sign(0) is +1 in all of them.

    Args:
        grad: gradient of the loss w.r.t. R(x), [broadcasts to the shape of x].
        x, numerator, denominator, version, axis, tail_range: as for `rational`, as are the errors.
    """
    if tail_range is None:
        return Problem(x, numerator, denominator, version, axis).backward(np.asarray(grad))
    return LinearTails(x, numerator, denominator, version, axis, tail_range).backward(np.asarray(grad))


class Rational:
    """A rational activation R(x) = P(x) / Q(x) (Molina et al. 2020) on arrays: to evaluate, or to train by hand.

    Args:
        init, degrees, version, preset, groups, axis, tail, tail_range: as for `rrn.Rational`.
        dtype: of the coefficients.

    Attributes:
        numerator: [groups, n + 1], lowest power first.
        denominator: [groups, m], or [groups, m + 1] for version C.

    Raises:
        ValueError: as for `rrn.Rational`.
    """

    def __init__(
        self,
        init: Init = "leaky_relu",
        degrees: tuple[int, int] = (5, 4),
        version: str = "A",
        *,
        preset: str = "l2",
        groups: int = 1,
        axis: int = 1,
        tail: str = "rational",
        tail_range: Ends | None = None,
        dtype: DTypeLike = np.float32,
    ):
        self.form = Form.checked(degrees, version, groups, axis, tail, tail_range)
        self.numerator, self.denominator = (c.astype(dtype) for c in self.form.start(init, preset))

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """Return R(x), with the shape and dtype of x."""
        return rational(x, *self._arguments())

    def gradients(self, x: ArrayLike, grad: ArrayLike = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compute the gradients w.r.t. x, numerator and denominator; `grad` is that w.r.t. R(x)."""
        return gradients(grad, x, *self._arguments())

    def coefficients(self) -> tuple[np.ndarray, np.ndarray]:
        """Return copies of the numerator [groups, n + 1] and denominator [groups, m or m + 1]."""
        return self.numerator.copy(), self.denominator.copy()

    def _arguments(self) -> tuple[np.ndarray, np.ndarray, str, int, Ends | None]:
        return self.numerator, self.denominator, self.form.version, self.form.axis, self.form.tail_range

    def __repr__(self) -> str:
        return f"Rational({self.form})"
