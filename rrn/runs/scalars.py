"""Read what a run has logged in its scalars.csv."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import numpy as np

from rrn.common.foreign_files import read_packed
from rrn.common.printable import printable

SHOWN = ("evaluation/", "plasticity/")  # what the report reads of a run's log
SCORE = "evaluation/mean"
LARGEST = 1e12  # score, far above any of a game
NAME = rb'(?:[^",\n]{1,500}|"(?:[^"\n]|""){1,500}")'  # in quotes if it has commas
LINE = re.compile(rb"^(?:step,name,value\r?|\d{1,18}," + NAME + rb",[^,\n]{1,100})\n", re.MULTILINE)
SHOWN_LINE = re.compile(rb"^(\d{1,18}),((?:" + "|".join(SHOWN).encode() + rb")[^,\n]*),([^,\n]+)\n", re.MULTILINE)
Series = tuple[np.ndarray, np.ndarray]  # agent steps [E] and values [E]


def read_measures(path: Path) -> dict[str, Series]:
    """Read the series of a scalars.csv whose names begin as in SHOWN; half a line at the end is left out.

    Raises:
        ValueError: a line that is not step, name and value, steps that do not rise, or a file that cannot be read, as
            `read_packed` says. The message names the line.
    """
    text = read_packed(path)
    if len(LINE.findall(text)) != text.count(b"\n"):
        raise ValueError(_first_damage(path, text))
    rows: dict[str, list[tuple[int, float]]] = defaultdict(list)
    # searched rather than parsed: most lines of a long run are of other names
    for match in SHOWN_LINE.finditer(text):
        step, name, value = match[1], match[2].decode("utf-8", "backslashreplace"), match[3]
        series = rows[name]
        if series and int(step) <= series[-1][0]:
            at = _line_number(text, match)
            raise ValueError(f"{path}, line {at}: expected steps that rise, but {name} has {int(step):,} again.")
        try:
            series.append((int(step), float(value)))
        except ValueError:
            word = printable(value.decode(errors="backslashreplace"), 60)
            raise ValueError(
                f"{path}, line {_line_number(text, match)}: expected a number for {name} at {int(step):,}, got {word}."
            ) from None
        if name == SCORE and not abs(series[-1][1]) < LARGEST:
            raise ValueError(
                f"{path}, line {_line_number(text, match)}: expected finite scores, got {series[-1][1]} for {name}."
            )
    return {name: (np.array([s for s, _ in row]), np.array([v for _, v in row])) for name, row in rows.items()}


def _line_number(text: bytes, match: re.Match) -> int:
    return text.count(b"\n", 0, match.start()) + 1


def _first_damage(path: Path, text: bytes) -> str:
    for number, line in enumerate(text.split(b"\n"), 1):
        if not LINE.fullmatch(line + b"\n"):
            got = printable(line[:80].decode(errors="backslashreplace"), 60)
            return f"{path}, line {number}: expected step,name,value, got {got!r}; restore the file from a backup."
    raise AssertionError("unreachable")
