"""The report's numbers over all games: human-normalised scores of the methods of one agent, on the games they share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rrn import stats
from rrn.report.cells import Cell, Method, baseline_of, is_plain, normalised, order
from rrn.stats import Interval

STATISTICS: dict[str, Callable] = {
    "median": stats.median,
    "IQM": stats.iqm,
    "mean": stats.mean,
    "optimality gap": stats.optimality_gap,
}


@dataclass(frozen=True)
class Aggregate:
    """One method over several games."""

    method: Method
    numbers: dict[str, Interval]  # as in STATISTICS
    improves: Interval | None  # probability that a run is better than one of the baseline
    scores: dict[str, list[float]]  # by game, human-normalised


@dataclass(frozen=True)
class OverGames:
    """The methods of one agent over the games that they share; without rows if these are fewer than two."""

    agent: str
    baseline: Method | None
    rows: list[Aggregate]
    steps: dict[str, int]  # by game: agent steps after which all are compared, the fewest of their runs
    other_games: list[str]  # that some of these methods lack
    other_methods: list[Method]  # that lack some of these games


def over_games(cells: Sequence[Cell]) -> list[OverGames]:
    """One for each agent that has scores on two games or more.

    A method is left out if it lacks a game and has settings of its own, or was begun on fewer than half of the games of
    the one that has most: it would take the others' games from them.
    """
    table: dict[str, dict[Method, dict[str, Cell]]] = defaultdict(lambda: defaultdict(dict))
    for cell in cells:
        if cell.is_normalised:
            table[cell.method[0]][cell.method][cell.game] = cell
    found = []
    for agent, methods in sorted(table.items()):
        games = set().union(*methods.values())
        if len(games) > 1:
            found.append(_over_games(agent, methods, games))
    return found


def _over_games(agent: str, methods: dict[Method, dict[str, Cell]], games: set[str]) -> OverGames:
    usual = {method: row for method, row in methods.items() if is_plain(method)} or methods
    most = max(map(len, usual.values()))
    shared = set.intersection(*(set(row) for row in usual.values() if 2 * len(row) >= most))
    compared = sorted((one for one, row in methods.items() if row.keys() >= shared), key=lambda one: order("", one))
    steps = {game: min(methods[method][game].steps[0] for method in compared) for game in sorted(shared)}
    steps = {game: step for game, step in steps.items() if all(methods[m][game].at(step) for m in compared)}
    if len(steps) < 2:
        return OverGames(agent, None, [], steps, sorted(games - set(steps)), sorted(methods))
    scores = {
        method: {game: normalised(game, methods[method][game].at(step)) for game, step in steps.items()}
        for method in compared
    }
    baseline = baseline_of(scores, agent)
    rows = [
        Aggregate(
            method,
            {name: stats.interval(own, statistic) for name, statistic in STATISTICS.items()},
            stats.probability_of_improvement(own, scores[baseline]) if baseline and baseline != method else None,
            own,
        )
        for method, own in scores.items()
    ]
    return OverGames(agent, baseline, rows, steps, sorted(games - set(steps)), sorted(methods.keys() - scores.keys()))
