"""Linear tails on NumPy arrays: the tangents of R outside a range, and their gradients."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rrn.frameworks.arrays import Problem, narrow, numbers
from rrn.frameworks.formula import sign


class LinearTails:
    """R between two ends, and the tangent at the nearer end beyond them.

    Args:
        given, numerator, denominator, version, axis: as for `rrn.frameworks.arrays.Problem`.
        ends: (low, high).
    """

    def __init__(
        self,
        given: ArrayLike,
        numerator: ArrayLike,
        denominator: ArrayLike,
        version: str,
        axis: int,
        ends: tuple[float, float],
    ):
        x = numbers("x", given)
        self.near = np.clip(x, *ends).astype(x.dtype, copy=False)
        self.problem = Problem(self.near, numerator, denominator, version, axis)
        self.beyond = np.ascontiguousarray(x - self.near, self.problem.x.dtype).reshape(self.problem.x.shape)
        self.below = self.beyond < 0
        # at both ends of each group: [2, G], and derivatives w.r.t. the coefficients [2, G, size]
        self.slopes, self.slopes_a, self.slopes_b = _slopes(ends, self.problem.a, self.problem.b, version)

    def forward(self, into: np.ndarray | None = None) -> np.ndarray:
        """Compute R(x), [shape of x], of the dtype of x; `into` may be used meanwhile."""
        y = self.problem.forward(into)
        return narrow(y + (self._slope() * self.beyond).reshape(y.shape), y.dtype)

    def backward(self, grad: np.ndarray, into: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compute the gradients w.r.t. x, numerator and denominator from that w.r.t. R(x), [shape of x]."""
        grad_x, grad_a, grad_b = self.problem.backward(grad, into)
        grad = np.broadcast_to(grad, self.problem.shape).reshape(self.beyond.shape)
        grad_x = np.where(self.beyond.reshape(grad_x.shape) == 0, grad_x, (grad * self._slope()).reshape(grad_x.shape))
        for end, side in enumerate((self.below, ~self.below)):
            through = np.where(side, grad * self.beyond, 0).sum((0, 2), dtype=np.float64)[:, None]  # [G, 1]
            grad_a, grad_b = grad_a + through * self.slopes_a[end], grad_b + through * self.slopes_b[end]
        dtype = self.problem.x.dtype
        return narrow(grad_x, self.problem.dtype), narrow(grad_a, dtype), narrow(grad_b, dtype)

    def _slope(self) -> np.ndarray:
        low, high = self.slopes[:, None, :, None]
        return np.where(self.below, low, high)


def _slopes(
    ends: tuple[float, float], a: np.ndarray, b: np.ndarray, version: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute R'(x) at both ends for each row of coefficients, [2, G], and its derivatives w.r.t. them."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    z = np.array(ends, dtype=np.float64)[:, None, None]  # [2, 1, 1]
    first = 0 if version == "C" else 1
    sign_z, sign_b = (sign(np, z), sign(np, b)) if version == "A" else (1.0, 1.0)
    i, j = np.arange(a.shape[1]), np.arange(first, first + b.shape[1])
    by_a, by_b = z**i, (z * sign_z) ** j * sign_b  # of P and of the sum in Q
    slope_by_a = np.where(i > 0, i * z ** np.maximum(i - 1, 0), 0.0)
    slope_by_b = np.where(j > 0, j * (z * sign_z) ** np.maximum(j - 1, 0), 0.0) * sign_z * sign_b
    p, slope_p, s, slope_s = (
        (rows * c).sum(-1, keepdims=True) for rows, c in ((by_a, a), (slope_by_a, a), (by_b, b), (slope_by_b, b))
    )
    flip = sign(np, s) if version in "BCD" else 1.0
    q, slope_q = (0.1 if version == "C" else 1.0) + flip * s, flip * slope_s
    slope = (slope_p - p * slope_q / q) / q
    slopes_a = (slope_by_a - by_a * slope_q / q) / q
    slopes_b = -flip * (slope_p * by_b + p * slope_by_b - 2 * p * slope_q / q * by_b) / q**2
    return slope[..., 0], slopes_a, slopes_b
