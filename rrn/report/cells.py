"""The report's table: for each game and activation our score, the paper's after the same steps and at its end."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rrn import stats
from rrn.curves import Curve
from rrn.reference import Published, human_normalised, published
from rrn.reference.tables import games as games_with_scores
from rrn.stats import Interval

Method = tuple[str, str]  # agent and activation
BASELINE = ("leaky_relu", "relu")  # what the others are compared with: the paper's, else ours
AGGREGATES: dict[str, Callable] = {
    "median": stats.median,
    "IQM": stats.iqm,
    "mean": stats.mean,
    "optimality gap": stats.optimality_gap,
}


@dataclass(frozen=True)
class Cell:
    """One method on one game."""

    game: str
    method: Method
    scores: dict[int, float]  # by seed: the last evaluation
    steps: tuple[int, int]  # agent steps of the shortest and the longest run at these
    ours: Interval  # over seeds
    paper_then: Interval | None  # after the fewest of these steps, from the authors' curves
    paper_end: Published | None  # as printed
    difference: Interval | None  # ours minus the paper's after the same steps

    @property
    def normalised(self) -> list[float] | None:
        """Scores where 0 is random play and 1 a human; None for a game without these numbers."""
        if self.game not in games_with_scores():
            return None
        return [float(human_normalised(self.game, score)) for score in self.scores.values()]


def make_cells(
    curves: Iterable[Curve], paper: Sequence[Curve] = (), finished: Callable[[Curve], bool] = lambda curve: True
) -> list[Cell]:
    """A cell for each game and method that has a score, in the order of their names, baselines first.

    A finished run counts with its last evaluation, as in the paper. Where none is finished, runs are compared after
    the steps that all of them have done.
    """
    groups: dict[tuple[str, Method], list[Curve]] = defaultdict(list)
    for curve in curves:
        if len(curve.steps):
            groups[curve.game, (curve.agent, curve.act)].append(curve)
    theirs: dict[tuple[str, Method], list[Curve]] = defaultdict(list)
    for curve in paper:
        theirs[curve.game, (curve.agent, curve.act)].append(curve)
    cells = []
    for (game, method), group in sorted(groups.items(), key=lambda item: order(*item[0])):
        done = [curve for curve in group if finished(curve)]
        if done:
            reached = [int(curve.steps[-1]) for curve in done]
            scores = {curve.seed: curve.last for curve in done}
        else:
            reached = [min(int(curve.steps[-1]) for curve in group)] * 2
            scores = {curve.seed: curve.at(reached[0]) for curve in group}
        agent, act = plain(method)
        printed = [one for one in published() if (one.game, one.agent, one.act) == (game, agent, act)]
        then = [curve.at(min(reached)) for curve in theirs.get((game, (agent, act)), [])]
        then = [score for score in then if not math.isnan(score)]  # theirs may begin later
        ours = list(scores.values())
        cells.append(
            Cell(
                game,
                method,
                scores,
                (min(reached), max(reached)),
                stats.seeds_interval(ours),
                stats.seeds_interval(then) if then else None,
                printed[0] if printed else None,
                stats.difference(ours, then) if then else None,
            )
        )
    return cells


def plain(method: Method) -> Method:
    """Without what is special about its settings."""
    return method[0], method[1].partition(" ")[0]


def is_plain(method: Method) -> bool:
    """Does the activation alone, as `act=` takes it, say what it is?"""
    return not any(mark in method[1] for mark in (" ", "_pretrained", "_shared_"))


def order(game: str, method: Method) -> tuple:
    """Key that sorts by game, agent and activation: baselines, other activations, rationals."""
    act = plain(method)[1]
    rank = 0 if act in BASELINE else 2 if "rational" in act else 1
    return game, method[0], rank, method[1]


def against_baseline(cells: Sequence[Cell]) -> dict[tuple[str, Method], Interval]:
    """For each cell but the baseline's: the difference from that, on the same game with the same agent."""
    found = {}
    for cell in cells:
        rivals = {c.method[1]: c for c in cells if c.game == cell.game and c.method[0] == cell.method[0]}
        name = next((act for act in BASELINE if act in rivals), None)
        if name is not None and cell.method[1] != name:
            own, other = list(cell.scores.values()), list(rivals[name].scores.values())
            found[cell.game, cell.method] = stats.difference(own, other)
    return found


@dataclass(frozen=True)
class Aggregate:
    """Human-normalised scores of one method over several games."""

    method: Method
    numbers: dict[str, Interval]  # as in AGGREGATES
    improves: Interval | None  # probability that a run is better than one of the baseline
    scores: dict[str, list[float]]  # by game


def aggregate(cells: Sequence[Cell]) -> tuple[list[str], list[Aggregate]]:
    """The games that all methods have, and the aggregates over them; no aggregates for fewer than two games.

    A method with settings of its own that lacks some of the games of the others is left out.
    """
    table: dict[Method, dict[str, list[float]]] = defaultdict(dict)
    for cell in cells:
        if cell.normalised is not None:
            table[cell.method][cell.game] = cell.normalised
    usual = [set(row) for method, row in table.items() if is_plain(method)] or [set(row) for row in table.values()]
    games = sorted(set.intersection(*usual)) if usual else []
    if len(games) < 2:
        return games, []
    rows = {method: {game: row[game] for game in games} for method, row in table.items() if row.keys() >= set(games)}
    found = []
    for method, scores in rows.items():
        name = next(((method[0], act) for act in BASELINE if (method[0], act) in rows), None)
        improves = stats.probability_of_improvement(scores, rows[name]) if name and name != method else None
        numbers = {name: stats.interval(scores, statistic) for name, statistic in AGGREGATES.items()}
        found.append(Aggregate(method, numbers, improves, scores))
    return games, found
