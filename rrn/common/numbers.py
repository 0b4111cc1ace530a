"""Parse and format numbers and durations: 200000, 1e6, 500k, 1.5M, 2h05m."""

from __future__ import annotations

import math
import re
from decimal import Decimal

LIMIT = 10**30  # larger ones take memory and time before any range can refuse them
LETTERS = {"": 1, "k": 1_000, "M": 1_000_000}


def parse_int(value: object) -> int | None:
    """Parse an integer such as 200000, 1e6, 500k or 1.5M; None if the value is no integer."""
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?(?:e\+?\d{1,3})?)([kM]?)", str(value))
    number = Decimal(match[1]) * LETTERS[match[2]] if match else None  # a float would not have 4.35M
    return int(number) if match and abs(number) < LIMIT and number == int(number) else None


def duration(seconds: float) -> str:
    """Format seconds in at most six characters: 42s, 5m10s, 2h05m, 3d04h."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d{hour:02}h" if days < 100 else f"{days}d"
    return f"{hour}h{minute:02}m" if hour else f"{minute}m{second:02}s" if minute else f"{second}s"


def count(number: float) -> str:
    """Format a number of steps in at most five characters: 950, 15.2k, 1.50M."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            short = number / size
            return f"{short:.{2 if short < 9.995 else 1 if short < 99.95 else 0}f}{unit}"
    return f"{number:.0f}"


def fixed_or_dash(value: float, digits: int) -> str:
    """Format a number with some decimals; a dash for NaN, which means that there is none yet."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def score_text(number: float) -> str:
    """Format a score with up to two decimals: 21, 0.99, -0.2, 1234567."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def plural(number: int, noun: str) -> str:
    """Format a number with its noun: 1 run, 2 runs."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
