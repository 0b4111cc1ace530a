"""Make the report's table: for each game and activation our score, the paper's after the same steps and at its end."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from rrn import stats
from rrn.common.curves import Curve
from rrn.reference import Published, games_with_baselines, human_normalised, published
from rrn.stats import Interval

Method = tuple[str, str]  # agent and activation
BASELINE = ("leaky_relu", "relu")  # what other activations are compared with: the paper's, else ours


@dataclass(frozen=True)
class Cell:
    """Scores of one method on one game."""

    game: str
    method: Method
    curves: tuple[Curve, ...]  # of the runs that count
    scores: dict[int, float]  # by seed, of these curves
    steps: tuple[int, int]  # agent steps of the shortest and the longest run when they had these scores
    ours: Interval  # over seeds
    paper_then: Interval | None  # after the fewest of these steps, from the authors' curves
    paper_end: Published | None  # as printed
    difference: Interval | None  # ours minus the paper's, both after the fewest of these steps

    @property
    def is_normalised(self) -> bool:
        """Return whether the scores of a human and of random play are known for the game."""
        return self.game in games_with_baselines()

    def at(self, step: int) -> list[float]:
        """Return the scores after some agent steps, of the runs that have one then."""
        return _after(self.curves, step)


def make_cells(
    curves: Iterable[Curve], paper: Iterable[Curve] = (), finished: Collection[Curve] | None = None
) -> list[Cell]:
    """Make a cell for each game and method that has a score, in the order of their names, baselines first.

    A finished run counts with its last evaluation, as in the paper. Any other run that has done as many steps as the
    shortest finished one counts with its score after these. If no run is finished, all count with their scores after
    the steps that all of them have done.

    Args:
        curves: of our runs.
        paper: the authors' curves.
        finished: those of our curves whose run is finished; None: all.
    """
    groups, theirs = _grouped(curves), _grouped(paper)
    cells = []
    for (game, method), group in sorted(groups.items(), key=lambda item: order(*item[0])):
        done = {curve for curve in group if finished is None or curve in finished}
        ends = [int(curve.steps[-1]) for curve in done or group]
        fewest = min(ends)
        counted = tuple(curve for curve in group if curve in done or curve.steps[-1] >= fewest)
        scores = {curve.seed: curve.last if curve in done else curve.at(fewest) for curve in counted}
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
    """Group curves by game and method; those without an evaluation are left out."""
    groups = defaultdict(list)
    for curve in curves:
        if len(curve.steps):
            groups[curve.game, curve.method].append(curve)
    return groups


def _after(curves: Iterable[Curve], step: int) -> list[float]:
    return [score for score in (curve.at(step) for curve in curves) if not math.isnan(score)]


def is_plain(method: Method) -> bool:
    """Return whether the name of the activation is one that act= takes, without settings of its own."""
    return not any(mark in method[1] for mark in (" ", "_pretrained", "_shared_"))


def order(game: str, method: Method) -> tuple:
    """Return a key that sorts by game, agent and activation: baselines, other activations, rationals."""
    act = method[1].partition(" ")[0]
    rank = 0 if act in BASELINE else 2 if "rational" in act else 1
    return game, method[0], rank, method[1]


def baseline_of(methods: Iterable[Method], agent: str) -> Method | None:
    """Return the method that others of an agent are compared with, the first of BASELINE; None if it has none."""
    return next((method for act in BASELINE if (method := (agent, act)) in methods), None)


@dataclass(frozen=True)
class Gap:
    """Difference between a method and the baseline, on one game and with one agent."""

    difference: Interval
    step: int  # agent steps after which both are taken, the fewest of their runs


def against_baseline(cells: Sequence[Cell]) -> dict[tuple[str, Method], Gap]:
    """Compare each cell with the baseline of its game and agent, by game and method, where there is a baseline."""
    gaps = {}
    for cell in cells:
        rivals = {other.method: other for other in cells if other.game == cell.game}
        baseline = baseline_of(rivals, cell.method[0])
        if baseline is None or cell.method == baseline:
            continue
        step = min(cell.steps[0], rivals[baseline].steps[0])
        own, other = cell.at(step), rivals[baseline].at(step)
        if own and other:
            gaps[cell.game, cell.method] = Gap(stats.difference(own, other), step)
    return gaps


def normalised(game: str, scores: Iterable[float]) -> list[float]:
    """Normalise scores of a game: 0 is random play and 1 a human (`human_normalised`)."""
    return [float(human_normalised(game, score)) for score in scores]
