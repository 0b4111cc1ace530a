"""Aggregate scores over games and seeds, with bootstrap intervals that say how far to trust them.

"The paper" is Agarwal et al., *Deep Reinforcement Learning at the Edge of the Statistical Precipice* (NeurIPS 2021).
Where all games have the same number of seeds, values equal those of its authors' library rliable. Here the numbers may
differ; then each game has the same weight, not each run. Equal arguments give equal results.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rrn.common.bootstrap import Scores, Statistic, checked, estimate
from rrn.common.curves import Curve
from rrn.common.numbers import plural


@dataclass(frozen=True)
class Interval:
    """A value and its confidence interval, in the unit of the scores."""

    value: float
    low: float | None  # None: too few seeds for an interval
    high: float | None
    seeds: int  # smallest number of seeds of a game

    def text(self, digits: int | None = None, sign: bool = False) -> str:
        """Format the value with its interval, `12.3 (10.1 to 14.2)`, or without one with the seeds, `12.3 (2 seeds)`.

        Args:
            digits: digits after the point, the same for a whole column; None: as many as show two figures of the
                interval's width, or three of the value if there is no interval. One more is shown if an end would be
                rounded to 0, so that its sign shows.
            sign: put a plus before a value above zero, for differences.
        """
        if digits is None:
            size = (0 if self.low is None else self.high - self.low) or abs(self.value) / 10
            digits = min(max(1 - math.floor(math.log10(size)), 0), 6) if size > 0 else 1
        digits += any(end and float(fixed(end, digits)) == 0 for end in (self.low, self.high))
        value, low, high = (end if end is None else fixed(end, digits) for end in (self.value, self.low, self.high))
        plus = "+" if sign and float(value) > 0 else ""
        if low is None:
            return f"{plus}{value} ({plural(self.seeds, 'seed')})"
        return f"{plus}{value} ({low} to {high})"

    __str__ = text


@dataclass(frozen=True)
class Profile:
    """Share of runs that score above each threshold."""

    taus: np.ndarray  # [T] thresholds, in the unit of the scores
    share: np.ndarray  # [T] share of runs, from 0 to 1
    low: np.ndarray | None  # [T] band of the bootstrap, for each threshold on its own; None: too few seeds
    high: np.ndarray | None


def mean(scores: Scores) -> np.ndarray:
    """Compute the mean over games of the mean over seeds, [...].

    Args:
        scores: for each game the scores of its seeds, [..., seeds].

    Raises:
        ValueError: no game, a game without seeds, or a score that is not a finite number.
    """
    return np.mean([each.mean(-1) for each in checked(scores).values()], axis=0)


def median(scores: Scores) -> np.ndarray:
    """Compute the median over games of the mean over seeds, [...].

    Args:
        scores: for each game the scores of its seeds, [..., seeds].

    Raises:
        ValueError: no game, a game without seeds, or a score that is not a finite number.
    """
    return np.median([each.mean(-1) for each in checked(scores).values()], axis=0)


def iqm(scores: Scores) -> np.ndarray:
    """Compute the interquartile mean, of all runs but the lowest and the highest quarter, [...].

    Source: Agarwal et al. 2021, section 4.3. A quarter is a whole number of runs, floor(runs / 4), as in rliable. If
    games differ in their number of seeds, a run weighs 1 / (seeds of its game), the same share of the weight is cut off
    at each end, and a run on the border counts with the part of its weight that is left.

    Args:
        scores: for each game the scores of its seeds, [..., seeds].

    Raises:
        ValueError: no game, a game without seeds, or a score that is not a finite number.
    """
    by_game = list(checked(scores).values())
    counts = np.array([each.shape[-1] for each in by_game])
    runs, weights = np.concatenate(by_game, axis=-1), np.repeat(counts.max() / counts, counts)
    total = weights.sum()
    cut = total * (counts.sum() // 4) / counts.sum()
    order = np.argsort(runs, axis=-1)
    upto = np.clip(np.cumsum(weights[order], axis=-1), cut, total - cut)
    return np.average(np.take_along_axis(runs, order, -1), axis=-1, weights=np.diff(upto, axis=-1, prepend=cut))


def optimality_gap(scores: Scores, gamma: float = 1.0) -> np.ndarray:
    """Compute by how much runs fall short of a score, mean over games of the mean over seeds, [...].

    Source: Agarwal et al. 2021, section 4.3.

    Args:
        scores: for each game the scores of its seeds, [..., seeds].
        gamma: the score to reach, 1 for that of a human if scores are human-normalised; scores above it count as it.
            To give `interval` another one, use `functools.partial(optimality_gap, gamma=2.0)`.

    Raises:
        ValueError: no game, a game without seeds, or a score that is not a finite number.
    """
    return gamma - mean({game: np.minimum(each, gamma) for game, each in checked(scores).items()})


def interval(
    scores: Scores, statistic: Statistic, resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """Compute a statistic with its stratified percentile bootstrap interval (Agarwal et al. 2021, section 4.1).

    Seeds are resampled within each game, games are not: the interval is about other seeds on these games. It has no
    ends unless each game has three seeds. It is too narrow for few seeds: of normal scores on one game, the 95 %
    interval of 3 seeds holds their true mean in 75 % of cases, that of 5 in 84 %, that of 10 in 90 %.

    Args:
        scores: for each game the scores of its seeds, [seeds].
        statistic: `mean`, `median`, `iqm`, `optimality_gap`, or another one that takes arrays [..., seeds].
        resamples: number of resamples of the bootstrap.
        confidence: share of resamples between the ends of the interval.
        seed: seed of the random numbers.

    Raises:
        ValueError: no game, a game without seeds, a score that is not a finite number, resamples below 1, or a
            confidence that is not between 0 and 1.
    """
    return _interval(statistic, (scores,), resamples, confidence, seed)


def seeds_interval(seeds: Sequence[float], resamples: int = 2000, confidence: float = 0.95, seed: int = 0) -> Interval:
    """Compute the mean over the seeds of one game, with its percentile bootstrap interval.

    The interval has no ends with fewer than three seeds, and is too narrow for few; `interval` says by how much.

    Args:
        seeds: the score of each seed.
        resamples, confidence, seed: number of resamples, share of them within the interval, and seed of their draws.

    Raises:
        ValueError: no seed, a score that is not a finite number, resamples below 1, or a confidence that is not
            between 0 and 1.
    """
    return _interval(mean, ({"seeds": seeds},), resamples, confidence, seed)


def difference(
    x: Sequence[float], y: Sequence[float], resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """Compute the mean of x minus that of y, on one game, with its percentile bootstrap interval.

    The seeds of both are resampled independently: seed 0 of one has nothing in common with seed 0 of the other. The
    interval has no ends if either has fewer than three. It is too narrow for few seeds: of two methods of equal normal
    scores, with 5 seeds each, 13 % of the 95 % intervals leave out 0.

    Args:
        x, y: the scores of the seeds of two methods.
        resamples, confidence, seed: number of resamples, share of them within the interval, and seed of their draws.

    Raises:
        ValueError: no seed, a score that is not a finite number, resamples below 1, or a confidence that is not
            between 0 and 1.
    """
    return _interval(lambda x, y: mean(x) - mean(y), ({"x": x}, {"y": y}), resamples, confidence, seed)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Correct the p-values of several tests for their number, in the order given (Holm 1979).

    If there are no true differences, the smallest corrected value is below 0.05 in at most 5 % of cases.
    """
    given = np.asarray(p_values, float)
    order = np.argsort(given)
    steps = given[order] * np.arange(len(given), 0, -1)
    corrected = np.empty_like(given)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected


def probability_of_improvement(
    x: Scores, y: Scores, resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """Compute the probability that a run of x beats a run of y on the same game (Agarwal et al. 2021, section 4).

    It is the share of pairs of runs that x wins (Mann-Whitney), ties counting half, and its mean over games. For the
    interval the seeds of both are resampled independently within each game; it has no ends with fewer than three seeds.

    Args:
        x, y: for each game the scores of the seeds of two methods, [seeds].
        resamples, confidence, seed: number of resamples, share of them within the interval, and seed of their draws.

    Raises:
        ValueError: x and y have different games, no game, a game without seeds, a score that is not a finite number,
            resamples below 1, or a confidence that is not between 0 and 1.
    """
    if x.keys() != y.keys():
        raise ValueError(
            f"x and y must have the same games, but only one has {', '.join(sorted(x.keys() ^ y.keys()))}."
        )
    return _interval(_improvement, (x, y), resamples, confidence, seed)


def performance_profile(
    scores: Scores, taus: Sequence[float] | np.ndarray, resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Profile:
    """Compute the share of runs with a score strictly above each threshold (Agarwal et al. 2021, section 4.2).

    Games have the same weight. The band is a stratified percentile bootstrap interval for each threshold on its own.

    Args:
        scores: for each game the scores of its seeds, [seeds].
        taus: thresholds, [T].
        resamples, confidence, seed: number of resamples, share of them within the band, and seed of their draws.

    Raises:
        ValueError: no game, a game without seeds, a score that is not a finite number, resamples below 1, or a
            confidence that is not between 0 and 1.
    """
    taus = np.asarray(taus, dtype=float)

    def share(scores: Scores) -> np.ndarray:
        return np.mean([(each[..., None] > taus).mean(-2) for each in checked(scores).values()], axis=0)

    return Profile(taus, *estimate(share, (scores,), resamples, confidence, seed))


def band(values: np.ndarray, resamples: int = 1000, confidence: float = 0.95, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Compute the ends of the bootstrap interval of the mean over seeds, for each evaluation on its own, [E] and [E].

    Args:
        values: learning curves, [seeds, E]; a resample takes whole curves.
        resamples, confidence, seed: number of resamples, share of them within the interval, and seed of their draws.
    """
    values = np.asarray(values, dtype=float)
    draws = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    # how often each seed is drawn: the means of all resamples are one product of matrices
    counts = np.stack([(draws == number).sum(1) for number in range(len(values))], axis=1) / len(values)
    return tuple(np.quantile(counts @ values, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0))


def area_under_curve(curve: Curve) -> float:
    """Compute the mean height of a learning curve: trapezoids over agent steps, divided by the range of steps.

    Its unit is that of the score. Compare it for runs of equal length: a longer one has more of its best part.

    Raises:
        ValueError: fewer than two evaluations, or one whose score is not a finite number.
    """
    if len(curve.steps) < 2 or not np.isfinite(curve.means).all():
        raise ValueError(f"{curve.game}: the area under a curve takes two evaluations or more, all finite numbers.")
    return float(np.average((curve.means[1:] + curve.means[:-1]) / 2, weights=np.diff(curve.steps)))


def first_step_at(curve: Curve, threshold: float) -> int | None:
    """Return the agent step of the first evaluation with a score at or above a threshold; None if there is none."""
    reached = np.flatnonzero(curve.means >= threshold)
    return int(curve.steps[reached[0]]) if len(reached) else None


def fixed(number: float, digits: int) -> str:
    """Format a number with some digits after the point, and no minus before zero."""
    return f"{round(number, digits) + 0.0:.{digits}f}"


def _improvement(x: Scores, y: Scores) -> np.ndarray:
    """Compute the mean over games of the share of pairs that x wins, ties counting half, [...]."""
    x, y = checked(x), checked(y)
    wins = [np.sign(x[game][..., :, None] - y[game][..., None, :]).mean((-2, -1)) for game in x]
    return np.mean(wins, axis=0) / 2 + 0.5


def _interval(
    statistic: Statistic, methods: tuple[Scores, ...], resamples: int, confidence: float, seed: int
) -> Interval:
    value, low, high = estimate(statistic, methods, resamples, confidence, seed)
    seeds = min(len(each) for scores in methods for each in scores.values())
    return Interval(float(value), None if low is None else float(low), None if high is None else float(high), seeds)


STATISTICS: dict[str, Statistic] = {"median": median, "IQM": iqm, "mean": mean, "optimality gap": optimality_gap}
