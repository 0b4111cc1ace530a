"""Write the report's numbers as text, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rrn.report.aggregates import OverGames
from rrn.report.cells import BASELINE, Cell, Method, against_baseline
from rrn.report.missing import ToDo
from rrn.report.others import published_on
from rrn.stats import STATISTICS, Interval, fixed


@dataclass(frozen=True)
class Row:
    """Texts of one method on one game: value in the first line, its interval or standard deviation in the second."""

    game: str
    method: Method
    ours: str
    steps: str
    paper_then: str
    difference: str
    paper_end: str
    against: str  # the baseline


def summary(cells: Sequence[Cell]) -> list[Row]:
    """Make a row for each cell, with a dash where there is nothing to compare with."""
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
                game=cell.game,
                method=cell.method,
                ours=two_lines(cell.ours, digits),
                steps="\n".join(f"{step:,}" for step in sorted(set(cell.steps))),
                paper_then=two_lines(cell.paper_then, digits),
                difference=two_lines(cell.difference, digits, sign=True),
                paper_end=f"{end.mean:g} (n={end.seeds})\nsd {end.std:g}" if end else "-",
                against=against,
            )
        )
    return rows


def published(cells: Sequence[Cell], game: str) -> list[tuple[str, str]]:
    """Return names and mean scores of others on a game of Atari-100k."""
    return [(agent.agent, f"{agent.means[game]:g}") for agent in published_on(cells, [game])]


def two_lines(interval: Interval | None, digits: int, sign: bool = False) -> str:
    """Write value and number of seeds in one line, and the interval below; a dash for None."""
    if interval is None:
        return "-"
    value = fixed(interval.value, digits)
    mark = "+" if sign and float(value) > 0 else ""
    ends = "no interval" if interval.low is None else f"{fixed(interval.low, digits)} to {fixed(interval.high, digits)}"
    return f"{mark}{value} (n={interval.seeds})\n{ends}"


def decimals(value: float) -> int:
    """Return the digits after the point that show about three digits of a value."""
    if abs(value) < 10:
        return 2
    return 1 if abs(value) < 1000 else 0


def over_games(over: OverGames) -> tuple[list[str], list[tuple[Method, list[str]]]]:
    """Write the heads of the columns, and a row of texts for each method."""
    better = [f"P(better than {over.baseline[1]})"] if over.baseline else []
    rows = []
    for aggregate in over.rows:
        numbers = [*aggregate.numbers.values(), *([aggregate.improves] if better else [])]
        rows.append((aggregate.method, [two_lines(number, 2) for number in numbers]))
    return [*STATISTICS, *better], rows


def published_over_games(cells: Sequence[Cell], over: OverGames) -> list[tuple[str, Sequence[str]]]:
    """Return names and aggregates of others over the games that ours share, with as many columns as `over_games`."""
    without = ["-"] if over.baseline else []
    others = published_on([cell for cell in cells if cell.method[0] == over.agent], over.steps)
    games = [*over.steps]
    return [(agent.agent, [fixed(x, 2) for x in agent.over_games(games).values()] + without) for agent in others]


def where(todo: ToDo, label: Callable[[Method], str]) -> str:
    """Write games and methods, such as "Pong, Qbert: relu, rational"."""
    return f"{', '.join(todo.games)}: {', '.join(map(label, todo.methods))}"
