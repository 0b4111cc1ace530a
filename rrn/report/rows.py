"""The report's numbers as text, the same on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rrn.report.aggregates import STATISTICS, OverGames
from rrn.report.cells import BASELINE, Cell, Method, against_baseline
from rrn.report.missing import ToDo
from rrn.stats import Interval, fixed


@dataclass(frozen=True)
class Row:
    """One method on one game; a cell has its value in the first line, what tells how far to trust it in the second."""

    game: str
    method: Method
    ours: str
    steps: str
    paper_then: str
    difference: str
    paper_end: str
    against: str  # the baseline


def summary(cells: Sequence[Cell]) -> list[Row]:
    """A row for each cell; a dash where there is nothing to compare with."""
    rivals = against_baseline(cells)
    rows = []
    for cell in cells:
        digits = decimals(max(abs(other.ours.value) for other in cells if other.game == cell.game))
        end, gap = cell.paper_end, rivals.get((cell.game, cell.method))
        against = two_lines(gap.difference, digits, sign=True) if gap else "-"
        if not gap and cell.method[1] in BASELINE:
            against = "baseline"
        rows.append(
            Row(
                cell.game,
                cell.method,
                two_lines(cell.ours, digits),
                "\n".join(f"{step:,}" for step in sorted(set(cell.steps))),
                two_lines(cell.paper_then, digits),
                two_lines(cell.difference, digits, sign=True),
                f"{end.mean:g} (n={end.seeds})\nsd {end.std:g}" if end else "-",
                against,
            )
        )
    return rows


def two_lines(found: Interval | None, digits: int, sign: bool = False) -> str:
    """Value and number of seeds, and the interval below; a dash without one."""
    if found is None:
        return "-"
    value = fixed(found.value, digits)
    mark = "+" if sign and float(value) > 0 else ""
    ends = "no interval" if found.low is None else f"{fixed(found.low, digits)} to {fixed(found.high, digits)}"
    return f"{mark}{value} (n={found.seeds})\n{ends}"


def decimals(value: float) -> int:
    """So that about three digits are shown."""
    return 2 if abs(value) < 10 else 1 if abs(value) < 1000 else 0


def over_games(found: OverGames) -> tuple[list[str], list[tuple[Method, list[str]]]]:
    """Heads of the columns, and a row of text for each method."""
    better = [f"P(better than {found.baseline[1]})"] if found.baseline else []
    rows = []
    for one in found.rows:
        numbers = [*one.numbers.values(), *([one.improves] if better else [])]
        rows.append((one.method, [two_lines(number, 2) for number in numbers]))
    return [*STATISTICS, *better], rows


def where(one: ToDo, label: Callable[[Method], str]) -> str:
    """Games and methods, in words."""
    return f"{', '.join(one.games)}: {', '.join(map(label, one.methods))}"
