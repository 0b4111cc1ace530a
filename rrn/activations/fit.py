"""Fit the coefficients of a rational to a function, by least squares on a range.

Variable projection: for a given denominator the best numerator is a linear least-squares
problem, so the search runs over the denominator alone (Golub and Pereyra, 1973), from several
starts. It does not fit on measured inputs and does not search for the minimax fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.optimize import least_squares
from scipy.special import erf, expit

from rrn.activations.reference import denominator_size

FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "leaky_relu": lambda x: np.where(x < 0, 0.01 * x, x),
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": expit,
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "silu": lambda x: x * expit(x),
    "identity": lambda x: x,
}


WIDE = np.tan(np.linspace(-1.57, 1.57, 801))  # points that cover the line


@dataclass(frozen=True)
class Fit:
    """Coefficients, lowest power first, and the errors on the range they were fitted on."""

    numerator: tuple[float, ...]
    denominator: tuple[float, ...]
    largest: float
    rms: float


def fit(
    function: Callable[[np.ndarray], np.ndarray],
    degrees: tuple[int, int] = (5, 4),
    version: str = "A",
    interval: tuple[float, float] = (-3.0, 3.0),
    starts: int = 12,
    points: int = 601,
) -> Fit:
    """Least-squares fit of P / Q to `function` on evenly spaced points of the interval.

    Outside the interval a fit with n <= m + 1 is held to grow at most like |x|, and the sum in the
    denominator has no zero there; version N has no pole anywhere. The same call gives the same
    coefficients.
    """
    n, m = degrees
    x = np.linspace(*interval, points)
    target = function(x)
    generator = np.random.default_rng(0)
    best: tuple[float, np.ndarray] | None = None
    for start in range(starts):
        guess = _guess(generator, start, m, version)
        found = least_squares(_residual, guess, args=(x, target, n, version), x_scale="jac", ftol=1e-12, max_nfev=100)
        if best is None or found.cost < best[0]:
            best = found.cost, found.x
    denominator = _coefficients(best[1], version)
    numerator, _ = _numerator(denominator, x, target, n, version)
    dense = np.linspace(*interval, 20 * points)
    error = _polynomial(numerator, dense) / _q(denominator, dense, version) - function(dense)
    return Fit(tuple(numerator), tuple(denominator), float(np.abs(error).max()), float(np.sqrt(np.mean(error**2))))


@cache
def fit_named(name: str, degrees: tuple[int, int], version: str) -> Fit:
    """The fit of one of FUNCTIONS on [-3, 3]; the identity is exact: P = x, Q = 1."""
    if name == "identity":
        n, m = degrees
        denominator = [0.0] * denominator_size(m, version)
        if version == "C":
            denominator[0] = 0.9
        return Fit((0.0, 1.0, *[0.0] * (n - 1)), tuple(denominator), 0.0, 0.0)
    return fit(FUNCTIONS[name], degrees, version)


def _guess(generator: np.random.Generator, start: int, m: int, version: str) -> np.ndarray:
    """Search variables to start from: even powers, odd powers and all powers in turn."""
    powers = np.arange(1, m + 1)
    size = generator.uniform(0.1, 1.5, m) ** powers
    kept = [powers % 2 == 0, powers % 2 == 1, powers > 0][start % 3]
    sign = generator.choice([-0.3, 1.0], m) if version != "A" and start % 3 == 2 else 1.0
    guess = size * sign * kept
    return np.r_[generator.uniform(0.2, 1.0), guess] if version == "C" else guess


def _coefficients(variables: np.ndarray, version: str) -> np.ndarray:
    return np.abs(variables) if version == "A" else variables


def _s(denominator: np.ndarray, x: np.ndarray, version: str) -> np.ndarray:
    """The sum in the denominator, before its absolute value is taken."""
    if version == "A":
        return _polynomial(np.r_[0.0, np.abs(denominator)], np.abs(x))
    return _polynomial(denominator if version == "C" else np.r_[0.0, denominator], x)


def _q(denominator: np.ndarray, x: np.ndarray, version: str) -> np.ndarray:
    s = _s(denominator, x, version)
    return (0.1 if version == "C" else 1) + (s if version == "N" else np.abs(s))


def _polynomial(coefficients: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.polynomial.polynomial.polyval(x, coefficients)


def _numerator(denominator: np.ndarray, x: np.ndarray, target: np.ndarray, n: int, version: str):
    """The best numerator [n + 1] for this denominator, and the residual [points]."""
    columns = x[:, None] ** np.arange(n + 1) / _q(denominator, x, version)[:, None]
    numerator = np.linalg.lstsq(columns, target, rcond=None)[0]
    return numerator, columns @ numerator - target


def _residual(variables: np.ndarray, x: np.ndarray, target: np.ndarray, n: int, version: str) -> np.ndarray:
    denominator = _coefficients(variables, version)
    numerator, residual = _numerator(denominator, x, target, n, version)
    # beyond the range: no zero of S, thus no pole or fold, and no tail steeper than 1; each costs more than any error
    outside = WIDE[np.clip(WIDE, x[0], x[-1]) != WIDE]
    if version == "N":
        sign, at = _q(denominator, WIDE, version), WIDE
    else:
        sign, at = _s(denominator, outside, version), outside
    fold = np.minimum(sign / (1 + np.abs(at) ** len(denominator)) - 1e-6, 0)
    tail = _polynomial(numerator, outside) / _q(denominator, outside, version) / (1 + np.abs(outside))
    return np.r_[residual, 1e3 * fold, np.maximum(np.abs(tail) - 1, 0)]
