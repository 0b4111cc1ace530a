"""Whole numbers as people write them: 200000, 1e6, 500k, 1.5M."""

from __future__ import annotations

import re
from decimal import Decimal

LETTERS = {"": 1, "k": 1_000, "M": 1_000_000}


def read_whole(value: object) -> int | None:
    """The whole number that a text or a float means; None if it means none."""
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?(?:e\+?\d{1,3})?)([kM]?)", str(value))
    number = Decimal(found[1]) * LETTERS[found[2]] if found else None  # a float would not have 4.35M
    return int(number) if found and abs(number) < 10**18 and number == int(number) else None
