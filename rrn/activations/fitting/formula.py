"""The formula of rationals without torch: versions, sizes and ranges."""

from __future__ import annotations

import math
from collections.abc import Sequence

VERSIONS = ("A", "B", "C", "D", "N")


def denominator_size(degree: int, version: str) -> int:
    """Number of denominator coefficients: version C has one for x^0 too."""
    return degree + 1 if version == "C" else degree


def check_form(degrees: Sequence[int], version: str) -> tuple[tuple[int, int], str]:
    """Degrees (n, m) and version as they are; ValueError for others than there are."""
    if version not in VERSIONS:
        raise ValueError(f"version: expected one of {', '.join(VERSIONS)}, got {version!r}.")
    pair = isinstance(degrees, Sequence) and len(degrees) == 2
    if not pair or any(type(d) is not int or d < 1 for d in degrees):
        raise ValueError(f"degrees: expected two whole numbers (n, m) of at least 1, such as (5, 4), got {degrees!r}.")
    return (degrees[0], degrees[1]), version


def check_range(range: object) -> None:
    """Raise ValueError unless these are two finite numbers, the lower one first."""
    if not is_range(range):
        raise ValueError(f"range: expected two numbers (low, high) with low < high, got {range!r}.")


def is_range(ends: object) -> bool:
    """Are these two finite numbers, the lower one first?"""
    try:
        low, high = ends
        return bool(-math.inf < low < high < math.inf)
    except (TypeError, ValueError):
        return False
