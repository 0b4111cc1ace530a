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
NUMBER = rb"-?\d{1,30}(?:\.\d{1,30})?(?:e[+-]?\d{1,3})?"
SCORE_LINE = re.compile(rb"^(\d{1,18})," + SCORE.encode() + rb",(" + NUMBER + rb")\r?\n", re.MULTILINE)
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


class ScoreReader:
    """Read the scores of a run while it trains, only what is new each time.

    A run that goes on cuts its file to what its checkpoint knows. So the last line that was read is compared too, and
    if it is another one, all is read again.

    Args:
        path: scalars.csv.
    """

    def __init__(self, path: Path):
        self.path = path
        self._forget()

    def _forget(self) -> None:
        self.read, self.last = 0, b""  # bytes, and the line before them
        self.steps: list[int] = []
        self.scores: list[float] = []

    def look(self) -> Series:
        """Return the scores so far; none if there is no file yet. Lines that are no scores are passed over."""
        try:
            with open(self.path, "rb") as file:
                if self.read:
                    file.seek(self.read - len(self.last))
                    if file.read(len(self.last)) != self.last:
                        self._forget()
                        file.seek(0)
                self._take(file.read())
        except OSError:
            self._forget()
        return np.array(self.steps, int), np.array(self.scores, float)

    def _take(self, text: bytes) -> None:
        whole = text[: text.rfind(b"\n") + 1]  # the run may be in the middle of a line
        if not whole:
            return
        for match in SCORE_LINE.finditer(whole):
            step, value = int(match[1]), float(match[2])
            if abs(value) < LARGEST and step > (self.steps[-1] if self.steps else -1):
                self.steps.append(step)
                self.scores.append(value)
        self.read += len(whole)
        self.last = whole[whole.rfind(b"\n", 0, -1) + 1 :]


def _line_number(text: bytes, match: re.Match) -> int:
    return text.count(b"\n", 0, match.start()) + 1


def _first_damage(path: Path, text: bytes) -> str:
    for number, line in enumerate(text.split(b"\n"), 1):
        if not LINE.fullmatch(line + b"\n"):
            got = printable(line[:80].decode(errors="backslashreplace"), 60)
            return f"{path}, line {number}: expected step,name,value, got {got!r}; restore the file from a backup."
    raise AssertionError("unreachable")
