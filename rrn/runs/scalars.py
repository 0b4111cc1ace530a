"""Read what a run has logged in its scalars.csv."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import numpy as np

from rrn.common.errors import UserError
from rrn.common.files import read_packed

SHOWN = ("evaluation/", "plasticity/")  # what the report reads of a run's log
Series = tuple[np.ndarray, np.ndarray]  # agent steps [E] and values [E]


def read_measures(path: Path) -> dict[str, Series]:
    """Read the series of a scalars.csv whose names begin as in SHOWN; half a line at the end is left out.

    Raises:
        UserError: a value that is no number, or steps that do not rise.
        ValueError: scalars.csv.gz, which is read where there is no scalars.csv, is damaged.
    """
    text = read_packed(path)
    names = "|".join(re.escape(name) for name in SHOWN)
    rows: dict[str, list[tuple[int, float]]] = defaultdict(list)
    # searched rather than parsed: most lines of a long run are of other names
    for step, name, value in re.findall(rf"^(\d+),((?:{names})[^,\n]*),([^,\n]+)\n".encode(), text, re.MULTILINE):
        series = rows[name.decode()]
        if series and int(step) <= series[-1][0]:
            raise UserError(f"{path}: expected steps that rise, but {name.decode()} has {int(step):,} again.")
        try:
            series.append((int(step), float(value)))
        except ValueError:
            word = value.decode(errors="replace")
            raise UserError(f"{path}: expected a number for {name.decode()} at {int(step):,}, got {word}.") from None
    return {name: (np.array([s for s, _ in row]), np.array([v for _, v in row])) for name, row in rows.items()}
