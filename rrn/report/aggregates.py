"""Aggregate over games: human-normalised scores of the methods of one agent, on the games that they share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rrn import stats
from rrn.report.cells import Cell, Method, baseline_of, is_plain, normalised, order
from rrn.stats import Interval


@dataclass(frozen=True)
class Aggregate:
    """Scores of one method over several games."""

    method: Method
    numbers: dict[str, Interval]  # as in stats.STATISTICS
    improves: Interval | None  # probability that a run is better than one of the baseline
    scores: dict[str, list[float]]  # by game, human-normalised


@dataclass(frozen=True)
class OverGames:
    """Aggregates of the methods of one agent over the games that they share; no rows if these are fewer than two."""

    agent: str
    baseline: Method | None
    rows: list[Aggregate]
    steps: dict[str, int]  # by game: agent steps after which all are compared, the fewest of their runs
    other_games: list[str]  # games that some of these methods lack
    other_methods: list[Method]  # methods that lack some of these games


def over_games(cells: Sequence[Cell]) -> list[OverGames]:
    """Aggregate each agent that has scores on two games or more.

    A method is left out if it lacks a game and either has settings of its own or was begun on fewer than half as many
    games as the method that has most: the other methods would be compared on fewer games because of it.
    """
    table: dict[str, dict[Method, dict[str, Cell]]] = defaultdict(lambda: defaultdict(dict))
    for cell in cells:
        if cell.is_normalised:
            table[cell.method[0]][cell.method][cell.game] = cell
    by_agent = [(agent, methods, set().union(*methods.values())) for agent, methods in sorted(table.items())]
    return [_over_games(agent, methods, games) for agent, methods, games in by_agent if len(games) > 1]


def _over_games(agent: str, methods: dict[Method, dict[str, Cell]], games: set[str]) -> OverGames:
    usual = {method: row for method, row in methods.items() if is_plain(method)} or methods
    most = max(map(len, usual.values()))
    shared = set.intersection(*(set(row) for row in usual.values() if 2 * len(row) >= most))
    compared = [method for method, row in methods.items() if row.keys() >= shared]
    compared.sort(key=lambda method: order("", method))
    steps = {game: min(methods[method][game].steps[0] for method in compared) for game in sorted(shared)}
    steps = {game: step for game, step in steps.items() if all(methods[m][game].at(step) for m in compared)}
    other_games = sorted(games - steps.keys())
    if len(steps) < 2:
        return OverGames(
            agent=agent, baseline=None, rows=[], steps=steps, other_games=other_games, other_methods=sorted(methods)
        )
    scores = {
        method: {game: normalised(game, methods[method][game].at(step)) for game, step in steps.items()}
        for method in compared
    }
    baseline = baseline_of(scores, agent)
    rows = []
    for method, own in scores.items():
        numbers = {name: stats.interval(own, statistic) for name, statistic in stats.STATISTICS.items()}
        rival = scores[baseline] if baseline and baseline != method else None
        improves = stats.probability_of_improvement(own, rival) if rival else None
        rows.append(Aggregate(method=method, numbers=numbers, improves=improves, scores=own))
    return OverGames(
        agent=agent,
        baseline=baseline,
        rows=rows,
        steps=steps,
        other_games=other_games,
        other_methods=sorted(methods.keys() - scores.keys()),
    )
