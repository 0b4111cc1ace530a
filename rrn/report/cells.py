"""Make the report's table: for each game and activation our score, the paper's after the same steps and at its end."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rrn import stats
from rrn.common.curves import Curve
from rrn.reference import Published, human_normalised, published
from rrn.reference.tables import games as games_with_scores
from rrn.stats import Interval

Method = tuple[str, str]  # agent and activation
BASELINE = ("leaky_relu", "relu")  # what the others are compared with: the paper's, else ours


@dataclass(frozen=True)
class Cell:
    """One method on one game."""

    game: str
    method: Method
    curves: tuple[Curve, ...]  # of the runs that count
    scores: dict[int, float]  # of these by seed: the last evaluation
    steps: tuple[int, int]  # agent steps of the shortest and the longest run at these
    ours: Interval  # over seeds
    paper_then: Interval | None  # after the fewest of these steps, from the authors' curves
    paper_end: Published | None  # as printed
    difference: Interval | None  # ours minus the paper's, both after the fewest of these steps

    @property
    def is_normalised(self) -> bool:
        """Is it one of the games for which the scores of a human and of random play are known?"""
        return self.game in games_with_scores()

    def at(self, step: int) -> list[float]:
        """The scores after so many agent steps, of the runs that have one."""
        return _after(self.curves, step)


def make_cells(
    curves: Iterable[Curve], paper: Iterable[Curve] = (), finished: Callable[[Curve], bool] = lambda curve: True
) -> list[Cell]:
    """A cell for each game and method that has a score, in the order of their names, baselines first.

    A finished run counts with its last evaluation, as in the paper, and one that has done as many steps as one of
    these, with its score then. Where none is finished, runs are compared after the steps that all of them have done.
    """
    groups, theirs = _grouped(curves), _grouped(paper)
    cells = []
    for (game, method), group in sorted(groups.items(), key=lambda item: order(*item[0])):
        done = {id(curve) for curve in group if finished(curve)}
        ends = [int(curve.steps[-1]) for curve in group if not done or id(curve) in done]
        fewest = min(ends)
        counted = tuple(curve for curve in group if id(curve) in done or curve.steps[-1] >= fewest)
        scores = {curve.seed: curve.last if id(curve) in done else curve.at(fewest) for curve in counted}
        scores = {seed: score for seed, score in scores.items() if not math.isnan(score)}
        then = _after(theirs.get((game, method), ()), fewest)
        cells.append(
            Cell(
                game=game,
                method=method,
                curves=counted,
                scores=scores,
                steps=(fewest, max(ends) if done else fewest),
                ours=stats.seeds_interval(list(scores.values())),
                paper_then=stats.seeds_interval(then) if then else None,
                paper_end=next((p for p in published() if (p.game, (p.agent, p.act)) == (game, method)), None),
                difference=stats.difference(_after(counted, fewest), then) if then else None,
            )
        )
    return cells


def _grouped(curves: Iterable[Curve]) -> dict[tuple[str, Method], list[Curve]]:
    """By game and method; those without an evaluation are left out."""
    groups = defaultdict(list)
    for curve in curves:
        if len(curve.steps):
            groups[curve.game, (curve.agent, curve.act)].append(curve)
    return groups


def _after(curves: Iterable[Curve], step: int) -> list[float]:
    return [score for score in (curve.at(step) for curve in curves) if not math.isnan(score)]


def is_plain(method: Method) -> bool:
    """Does the activation alone, as `act=` takes it, say what it is?"""
    return not any(mark in method[1] for mark in (" ", "_pretrained", "_shared_"))


def order(game: str, method: Method) -> tuple:
    """Key that sorts by game, agent and activation: baselines, other activations, rationals."""
    act = method[1].partition(" ")[0]
    rank = 0 if act in BASELINE else 2 if "rational" in act else 1
    return game, method[0], rank, method[1]


def baseline_of(methods: Iterable[Method], agent: str) -> Method | None:
    """The one of these that the others of an agent are compared with."""
    return next((method for act in BASELINE if (method := (agent, act)) in methods), None)


@dataclass(frozen=True)
class Gap:
    """How far a method is from the baseline, on the same game and with the same agent."""

    difference: Interval
    step: int  # both are taken after so many agent steps, the fewest of their runs


def against_baseline(cells: Sequence[Cell]) -> dict[tuple[str, Method], Gap]:
    """For each cell but the baseline's, where there is one."""
    found = {}
    for cell in cells:
        rivals = {other.method: other for other in cells if other.game == cell.game}
        baseline = baseline_of(rivals, cell.method[0])
        if baseline is None or cell.method == baseline:
            continue
        step = min(cell.steps[0], rivals[baseline].steps[0])
        own, other = cell.at(step), rivals[baseline].at(step)
        if own and other:
            found[cell.game, cell.method] = Gap(stats.difference(own, other), step)
    return found


def normalised(game: str, scores: Iterable[float]) -> list[float]:
    """Scores where 0 is random play and 1 a human."""
    return [float(human_normalised(game, score)) for score in scores]
