"""Whole numbers as people write them: 200000, 1e6, 500k, 1.5M."""

from __future__ import annotations

import re

LETTERS = {"": 1, "k": 1_000, "M": 1_000_000}


def read_whole(value: object) -> int | None:
    """The whole number that a text or a float means; None if it means none."""
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?(?:e\+?\d+)?)([kM]?)", str(value))
    number = float(found[1]) * LETTERS[found[2]] if found else 0.5
    return int(number) if abs(number) < 1e18 and number.is_integer() else None
