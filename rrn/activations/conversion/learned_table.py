"""Read tables of learned coefficients, such as the authors', without torch."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from rrn.frameworks.coefficients import CoefficientDict, coefficients

TABLE_COLUMNS = ("set", "game", "activation", "seed", "layer", "version", "center")


@dataclass(frozen=True)
class TableRow:
    """Row of a table of learned coefficients: the activation R(x + center) at one layer of a network."""

    set: str
    game: str
    activation: str
    seed: int
    layer: str  # counted from 1, or "all" for a recurrent rational
    rational: CoefficientDict
    center: float | None  # None where the table has none, which is 0


def read_table(path: str | PathLike) -> list[TableRow]:
    """Read the rationals of a CSV file of learned coefficients, without torch.

    The columns are set, game, activation, seed, layer, version, center, a0... and b1... (version C: b0...). An empty
    center is 0; empty coefficients at the end of a row lower its degrees.

    Raises:
        ValueError: no such file, missing columns, or a value that is not a number, with its line.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: expected a CSV file of learned activations, there is none.")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in TABLE_COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{path}: expected the columns {', '.join(TABLE_COLUMNS)}; missing: {', '.join(missing)}.")
        try:
            return [_row(row) for row in reader]
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}, line {reader.line_num}: {error}") from error


def _coefficients(row: dict[str, str], letter: str) -> list[float]:
    """Return the coefficients in the columns of this letter, lowest power first, without empty ones at the end."""
    powers = sorted(int(key[1:]) for key in row if key and key[0] == letter and key[1:].isdigit())
    filled = [power for power in powers if row[f"{letter}{power}"]]
    gap = next((power for power in powers if power < max(filled, default=0) and power not in filled), None)
    if gap is not None:
        raise ValueError(f"{letter}{gap} is empty, but a later coefficient is not.")
    return [float(row[f"{letter}{power}"]) for power in filled]


def _row(row: dict[str, str]) -> TableRow:
    numerator, denominator = (_coefficients(row, letter) for letter in "ab")
    rational = coefficients({"numerator": numerator, "denominator": denominator, "version": row["version"]})
    center = float(row["center"]) if row["center"] else None
    return TableRow(
        row["set"], row["game"], row["activation"], int(row["seed"]), row["layer"], rational=rational, center=center
    )
