"""Formula of rationals for arrays, without torch: value, poles, versions, sizes and ranges."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

VERSIONS = ("A", "B", "C", "D", "N")


def denominator_size(degree: int, version: str) -> int:
    """Return the number of denominator coefficients: version C also has one for x^0."""
    return degree + 1 if version == "C" else degree


def whole(name: str, value: Any) -> int:
    """Return a whole number, of Python or NumPy, as an int; raise ValueError with this name for any other value."""
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{name}: expected a whole number, got {value!r}.") from None


def check_form(degrees: Sequence[int] | np.ndarray, version: str) -> tuple[tuple[int, int], str]:
    """Return degrees (n, m) and version; raise ValueError unless both are valid."""
    if version not in VERSIONS:
        raise ValueError(f"version: expected one of {', '.join(VERSIONS)}, got {version!r}.")
    try:
        n, m = degrees if isinstance(degrees, Sequence | np.ndarray) else ()
        if isinstance(n, bool) or isinstance(m, bool) or min(n, m) < 1:
            raise ValueError
        return (operator.index(n), operator.index(m)), version
    except (TypeError, ValueError):
        message = "degrees: expected two whole numbers (n, m) of at least 1, such as (5, 4)"
        raise ValueError(f"{message}, got {degrees!r}.") from None


def check_range(range: object) -> None:
    """Raise ValueError unless these are two finite numbers, the lower one first."""
    if not is_range(range):
        raise ValueError(f"range: expected two numbers (low, high) with low < high, got {range!r}.")


def is_range(ends: Any) -> bool:
    """Return whether these are two finite numbers, the lower one first."""
    try:
        low, high = ends
        return bool(-math.inf < low < high < math.inf)
    except (TypeError, ValueError):
        return False


def rational(x, numerator, denominator, version: str):
    """Evaluate R(x) = P(x) / Q(x), [any shape] to the same; powers may overflow, and a pole gives infinity.

    Like `polynomial`, `q` and `sum_in_q`, it works on arrays of NumPy, and of any library with `abs`, `+` and `*`.
    Coefficients have the lowest power first; the denominator must be an array. Version D is evaluated as B.
    """
    return polynomial(numerator, x) / q(denominator, x, version)


def polynomial(coefficients, x):
    """Evaluate the polynomial with these coefficients, lowest power first, at x, [any shape] to the same."""
    total = coefficients[-1] + 0 * x
    for coefficient in reversed(coefficients[:-1]):
        total = coefficient + total * x
    return total


def q(denominator, x, version: str):
    """Evaluate the denominator Q(x) of a rational of this version, [any shape] to the same."""
    s = sum_in_q(denominator, x, version)
    return (0.1 if version == "C" else 1) + (s if version == "N" else abs(s))


def sum_in_q(denominator, x, version: str):
    """Evaluate the sum in Q(x), before its absolute value is taken, [any shape] to the same."""
    if version == "A":
        denominator, x = abs(denominator), abs(x)
    s = polynomial(denominator, x)
    return s if version == "C" else s * x


def real_poles(denominator: Sequence[float]) -> tuple[float, ...]:
    """Return the real zeros of Q(x) = 1 + sum_j b_j x^j, rising; `denominator` is b_1 to b_m."""
    if not np.isfinite(denominator).all():
        return ()
    roots = np.polynomial.Polynomial([1.0, *denominator]).roots()
    # a double zero is found as two that are 1e-8 apart
    return tuple(sorted(float(root.real) for root in roots if abs(root.imag) < 1e-7 * (1 + abs(root))))
