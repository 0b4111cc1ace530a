"""Find the rational with the least sum of squared errors, by variable projection.

For a given denominator the best numerator is a linear problem, so the search runs over the denominator alone (Golub and
Pereyra 1973), from several starts.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize

from rrn.activations.fitting.formula import denominator_size, polynomial, q, sum_in_q

RANDOM_STARTS = 12  # besides the given one


def least_squares(
    x: np.ndarray,
    target: np.ndarray,
    root: np.ndarray,
    degrees: tuple[int, int],
    version: str,
    outside: np.ndarray | None,
    growth: float,
    near: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the rational with the least weighted sum of squared errors.

    Args:
        x, target, root: points [K], values of the function there, and square roots of their weights.
        degrees, version: form of the rational; D is fitted as B.
        outside, growth: as for `rrn.activations.fitting.minimax.minimax`.
        near: a denominator to start from, besides random ones.

    Returns:
        Numerator [n + 1] and denominator.
    """
    n, m = degrees
    generator = np.random.default_rng(0)
    scale = max(abs(x[0]), abs(x[-1]))  # powers of t = x / scale are at most 1 on the range
    t, far = x / scale, None if outside is None else outside / scale
    room = None if outside is None else 1 + np.abs(outside)
    scales = scale ** np.arange(m + 1 - denominator_size(m, version), m + 1)
    best: tuple[float, np.ndarray] | None = None
    for guess in (near * scales, *(_guess(generator, start, m, version) for start in range(RANDOM_STARTS))):
        arguments = (t, target, root, n, version, far, room, growth)
        solution = optimize.least_squares(_residual, guess, args=arguments, x_scale="jac", ftol=1e-12, max_nfev=100)
        if best is None or solution.cost < best[0]:
            best = solution.cost, solution.x
    denominator = np.abs(best[1]) if version == "A" else best[1]
    numerator = _numerator(denominator, t, target, root, n, version)[0]
    return numerator / scale ** np.arange(n + 1), denominator / scales


def _guess(generator: np.random.Generator, start: int, m: int, version: str) -> np.ndarray:
    """Draw search variables to start from, for a range of size 1: with even, odd and all powers in turn."""
    powers = np.arange(1, m + 1)
    size = (3 * generator.uniform(0.1, 1.5, m)) ** powers
    kept = [powers % 2 == 0, powers % 2 == 1, powers > 0][start % 3]
    sign = generator.choice([-0.3, 1.0], m) if version != "A" and start % 3 == 2 else 1.0
    guess = size * sign * kept
    return np.r_[generator.uniform(0.2, 1.0), guess] if denominator_size(m, version) > m else guess


def _numerator(denominator, x, target, root, n: int, version: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the best numerator [n + 1] for this denominator, and the weighted residuals [K]."""
    columns = x[:, None] ** np.arange(n + 1) * (root / q(denominator, x, version))[:, None]
    numerator = np.linalg.lstsq(columns, root * target, rcond=None)[0]
    return numerator, columns @ numerator - root * target


def _residual(variables, x, target, root, n: int, version: str, outside, room, growth: float) -> np.ndarray:
    """Compute the weighted residuals [K] for a denominator, followed by penalties for broken constraints."""
    denominator = np.abs(variables) if version == "A" else variables
    numerator, residual = _numerator(denominator, x, target, root, n, version)
    if version == "N":  # no pole on the range and, if bounded, outside it
        at = x if outside is None else np.r_[x, outside]
        sign = q(denominator, at, version)
    else:
        at = x[:0] if outside is None else outside
        sign = sum_in_q(denominator, at, version)
    fold = np.minimum(sign / (1 + np.abs(at) ** len(denominator)) - 1e-6, 0)
    residual = np.r_[residual, 1e3 * fold]  # each costs more than any error
    if outside is None:
        return residual
    tail = polynomial(numerator, outside) / q(denominator, outside, version) / room
    return np.r_[residual, np.maximum(np.abs(tail) - growth, 0)]
