"""The report's numbers as text, the same on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rrn.report.cells import AGGREGATES, BASELINE, Aggregate, Cell, Method, against_baseline
from rrn.report.runs import Run
from rrn.report.todo import ToDo
from rrn.stats import Interval

FEW = 5  # seeds that the field asks for at least


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
        rows.append(
            Row(
                cell.game,
                cell.method,
                two_lines(cell.ours, digits),
                "\n".join(f"{step:,}" for step in sorted(set(cell.steps))),
                two_lines(cell.paper_then, digits),
                two_lines(cell.difference, digits, sign=True),
                f"{end.mean:g} (n={end.seeds})\nsd {end.std:g}" if end else "-",
                "baseline" if cell.method[1] in BASELINE and not gap else two_lines(gap, digits, sign=True),
            )
        )
    return rows


def two_lines(found: Interval | None, digits: int, sign: bool = False) -> str:
    """Value and number of seeds, and the interval below; a dash without one."""
    if found is None:
        return "-"
    mark = "+" if sign and found.value > 0 else ""
    ends = "no interval" if found.low is None else f"{found.low:.{digits}f} to {found.high:.{digits}f}"
    return f"{mark}{found.value:.{digits}f} (n={found.seeds})\n{ends}"


def decimals(value: float) -> int:
    """So that about three digits are shown."""
    return 2 if abs(value) < 10 else 1 if abs(value) < 1000 else 0


def aggregates(found: Sequence[Aggregate]) -> tuple[list[str], list[tuple[Method, list[str]]]]:
    """Heads of the columns, and a row of text for each method."""
    heads = [*AGGREGATES, "better than the baseline"]
    rows = [(one.method, [two_lines(number, 2) for number in (*one.numbers.values(), one.improves)]) for one in found]
    return heads, rows


def warnings(
    cells: Sequence[Cell], aggregates: Sequence[Aggregate], runs: Sequence[Run], damaged: Sequence[str]
) -> list[str]:
    """What a reader must know before trusting a number."""
    found = []
    few = [cell for cell in cells if cell.ours.seeds < FEW]
    if few:
        least = min(cell.ours.seeds for cell in few)
        found.append(
            f"{len(few)} of {len(cells)} scores rest on fewer than {FEW} seeds (the fewest: {least}). "
            "One or two seeds decide nothing, and intervals over three or four are too narrow."
        )
    unequal = [cell for cell in cells if cell.steps[0] != cell.steps[1]]
    if unequal:
        found.append(f"{len(unequal)} scores are of runs of unequal length; their columns of steps say so.")
    other = sorted({run.config.experiment for run in runs if run.config.experiment != "paper"})
    if other and any(cell.paper_end for cell in cells):
        found.append(f"Runs with experiment={', '.join(other)} do not follow the paper's protocol.")
    scored = {(cell.game, cell.method) for cell in cells if cell.normalised is not None}
    without = {method for _, method in scored} - {one.method for one in aggregates}
    if len({game for game, _ in scored}) > 1 and without:
        names = ", ".join(sorted(" ".join(method) for method in without))
        found.append(
            f"The numbers over all games leave out {names}, which has not all of them."
            if aggregates
            else "There are no numbers over all games, since no two games have runs of every activation."
        )
    return found + [f"Left out: {sentence}" for sentence in damaged]


def where(one: ToDo, label: Callable[[Method], str]) -> str:
    """Games and activations, in words."""
    return f"{', '.join(one.games)}: {', '.join(map(label, one.methods))}"
