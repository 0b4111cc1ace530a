"""How far a score can be trusted: aggregates over games and seeds, their bootstrap intervals, and numbers of one curve.

"The paper" is Agarwal et al., *Deep Reinforcement Learning at the Edge of the Statistical Precipice* (NeurIPS 2021).
Where all games have the same number of seeds, values equal those of its authors' library rliable; here the numbers may
differ, and then each game has the same weight, not each run. The same arguments give the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rrn.common.curves import Curve
from rrn.common.numbers import plural

Scores = Mapping[str, Sequence[float] | np.ndarray]  # game to the final score of each seed, [seeds of this game]
Statistic = Callable[..., np.ndarray]  # of Scores; of arrays [..., seeds] too, for which it gives [...]

FEWEST = 3  # seeds for an interval: with two, resamples hold no more than the two scores and their mean


@dataclass(frozen=True)
class Interval:
    """A value and how far it can be trusted, in the unit of the scores."""

    value: float
    low: float | None  # None: too few seeds for an interval
    high: float | None
    seeds: int  # fewest of a game

    def text(self, digits: int | None = None, sign: bool = False) -> str:
        """The value, never alone: `12.3 (10.1 to 14.2)`, or `12.3 (2 seeds)` where there is no interval.

        Args:
            digits: after the point; give the same ones to a whole column, and 0 where space is short. None: as many as
                leave two figures of the interval's width, or three of the value if there is none. One more where an end
                would be rounded to 0, so that its side shows.
            sign: a plus before a value above zero, for differences.
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
    """How many runs score above each threshold."""

    taus: np.ndarray  # [T] thresholds, in the unit of the scores
    share: np.ndarray  # [T] from 0 to 1
    low: np.ndarray | None  # [T] band of the bootstrap, for each threshold on its own; None: too few seeds
    high: np.ndarray | None


def mean(scores: Scores) -> np.ndarray:
    """Mean over games of the mean over seeds, [...].

    Args:
        scores: seeds of each game, [..., seeds]. So too for the other aggregates.

    Raises:
        ValueError: no game, a game without seeds, or a score that is not a finite number. So too for all others here.
    """
    return np.mean([each.mean(-1) for each in _checked(scores).values()], axis=0)


def median(scores: Scores) -> np.ndarray:
    """Median over games of the mean over seeds, [...]."""
    return np.median([each.mean(-1) for each in _checked(scores).values()], axis=0)


def iqm(scores: Scores) -> np.ndarray:
    """Interquartile mean: of all runs but the lowest and the highest quarter, [...] (the paper, section 4.3).

    A quarter is a whole number of runs, floor(runs / 4), as in rliable. If games differ in their number of seeds, a run
    weighs 1 / (seeds of its game), the same share of the weight is cut off at each end, and a run on the border counts
    with the part of its weight that is left.
    """
    found = _checked(scores).values()
    counts = np.array([each.shape[-1] for each in found])
    runs, weights = np.concatenate(list(found), axis=-1), np.repeat(counts.max() / counts, counts)
    total = weights.sum()
    cut = total * (counts.sum() // 4) / counts.sum()
    order = np.argsort(runs, axis=-1)
    upto = np.clip(np.cumsum(weights[order], axis=-1), cut, total - cut)
    return np.average(np.take_along_axis(runs, order, -1), axis=-1, weights=np.diff(upto, axis=-1, prepend=cut))


def optimality_gap(scores: Scores, gamma: float = 1.0) -> np.ndarray:
    """By how much runs fall short of a score, mean over games of the mean over seeds, [...] (the paper, section 4.3).

    Args:
        scores: seeds of each game, [..., seeds].
        gamma: the score to reach, 1 for that of a human if scores are human-normalised; beyond it nothing is gained.
            For another one, `interval` takes `functools.partial(optimality_gap, gamma=2.0)`.
    """
    return gamma - mean({game: np.minimum(each, gamma) for game, each in _checked(scores).items()})


def interval(
    scores: Scores, statistic: Statistic, resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """A statistic with its stratified bootstrap interval, by percentiles (the paper, section 4.1).

    Seeds are resampled within each game, games are not: the interval is about other seeds on the same games. It is
    None unless each game has three seeds. Percentiles are too narrow for few of them: of normal scores on one game, the
    95 % interval of 3 seeds holds their true mean in 75 % of cases, that of 5 in 84 %, that of 10 in 90 %.

    Args:
        scores: seeds of each game.
        statistic: `mean`, `median`, `iqm`, `optimality_gap`, or another one that takes arrays [..., seeds].
        resamples: of the bootstrap.
        confidence: share of resamples between the ends of the interval.
        seed: of the random numbers.

    Raises:
        ValueError: also for resamples below 1, or a confidence that is not between 0 and 1.
    """
    return _interval(statistic, (scores,), resamples, confidence, seed)


def seeds_interval(seeds: Sequence[float], resamples: int = 2000, confidence: float = 0.95, seed: int = 0) -> Interval:
    """The mean of the seeds of one game, with its bootstrap interval: `interval` for one game."""
    return _interval(mean, ({"seeds": seeds},), resamples, confidence, seed)


def difference(
    x: Sequence[float], y: Sequence[float], resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """By how much the mean of x is above that of y, on one game, with its bootstrap interval.

    The seeds of both are resampled on their own: seed 0 of one has nothing in common with seed 0 of the other. The
    interval is None if either has fewer than three. It is too narrow for few seeds: of two methods of equal normal
    scores, with 5 seeds each, 13 % of the 95 % intervals leave out 0.
    """
    return _interval(lambda x, y: mean(x) - mean(y), ({"x": x}, {"y": y}), resamples, confidence, seed)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """p-values of several tests, corrected for their number, in the same order (Holm, 1979).

    Where there are no true differences, any of these is below 0.05 in 5 % of cases at most.
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
    """How likely a run of x beats a run of y on the same game, from 0 to 1 (the paper, section 4).

    The share of pairs of runs (Mann-Whitney), ties counting half, and its mean over games. The interval is as of
    `difference`.

    Raises:
        ValueError: also if x and y do not have the same games.
    """
    if x.keys() != y.keys():
        raise ValueError(
            f"x and y must have the same games, but only one has {', '.join(sorted(x.keys() ^ y.keys()))}."
        )
    return _interval(_improvement, (x, y), resamples, confidence, seed)


def performance_profile(
    scores: Scores, taus: Sequence[float] | np.ndarray, resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Profile:
    """Share of runs with a score strictly above each of some thresholds (the paper, section 4.2).

    Games have the same weight. The band is as of `interval`, for each threshold on its own.

    Args:
        scores: seeds of each game.
        taus: thresholds, [T].
        resamples, confidence, seed: as of `interval`.
    """
    taus = np.asarray(taus, dtype=float)

    def share(scores: Scores) -> np.ndarray:
        return np.mean([(each[..., None] > taus).mean(-2) for each in _checked(scores).values()], axis=0)

    return Profile(taus, *_estimate(share, (scores,), resamples, confidence, seed))


def band(values: np.ndarray, resamples: int = 1000, confidence: float = 0.95, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Ends of the bootstrap interval of the mean over seeds, at each evaluation on its own, [E] and [E].

    Args:
        values: [seeds, E].
        resamples, confidence, seed: as of `interval`; a resample takes whole curves.
    """
    values = np.asarray(values, dtype=float)
    draws = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    # how often each seed is drawn: the means of all resamples are one product of matrices
    counts = np.stack([(draws == number).sum(1) for number in range(len(values))], axis=1) / len(values)
    return tuple(np.quantile(counts @ values, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0))


def area_under_curve(curve: Curve) -> float:
    """Mean height of a learning curve: trapezoids over agent steps, divided by the range of steps.

    So its unit is that of the score. Compare it for runs of the same length: a longer one has more of its best part.

    Raises:
        ValueError: fewer than two evaluations, or one whose score is not a finite number.
    """
    if len(curve.steps) < 2 or not np.isfinite(curve.means).all():
        raise ValueError(f"{curve.game}: the area under a curve takes two evaluations or more, all finite numbers.")
    return float(np.average((curve.means[1:] + curve.means[:-1]) / 2, weights=np.diff(curve.steps)))


def first_step_at(curve: Curve, threshold: float) -> int | None:
    """Agent step of the first evaluation whose score is at or above a threshold; None if there is none."""
    reached = np.flatnonzero(curve.means >= threshold)
    return int(curve.steps[reached[0]]) if len(reached) else None


def fixed(number: float, digits: int) -> str:
    """A number with so many digits after the point, and no minus before zero."""
    return f"{round(number, digits) + 0.0:.{digits}f}"


def _improvement(x: Scores, y: Scores) -> np.ndarray:
    """Mean over games of the share of pairs that x wins, [...]."""
    x, y = _checked(x), _checked(y)
    wins = [np.sign(x[game][..., :, None] - y[game][..., None, :]).mean((-2, -1)) for game in x]
    return np.mean(wins, axis=0) / 2 + 0.5


def _interval(
    statistic: Statistic, methods: tuple[Scores, ...], resamples: int, confidence: float, seed: int
) -> Interval:
    value, low, high = _estimate(statistic, methods, resamples, confidence, seed)
    seeds = min(len(each) for scores in methods for each in scores.values())
    return Interval(float(value), None if low is None else float(low), None if high is None else float(high), seeds)


def _estimate(
    statistic: Statistic, methods: tuple[Scores, ...], resamples: int, confidence: float, seed: int
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """A statistic of the scores of one or more methods, [...], and the ends of its interval, [...] or None."""
    if resamples < 1 or not 0 < confidence < 1:
        raise ValueError(f"expected resamples >= 1 and 0 < confidence < 1, got {resamples} and {confidence}.")
    arrays = [_checked(scores) for scores in methods]
    for game, each in ((game, each) for scores in arrays for game, each in scores.items()):
        if each.ndim != 1:
            raise ValueError(f"{game}: expected one score for each seed, got an array of shape {each.shape}.")
    value = np.asarray(statistic(*arrays))
    if min(len(each) for scores in arrays for each in scores.values()) < FEWEST:
        return value, None, None
    random = np.random.default_rng(seed)
    draws = statistic(
        *(
            {game: each[random.integers(len(each), size=(resamples, len(each)))] for game, each in scores.items()}
            for scores in arrays
        )
    )
    if np.shape(draws) != (resamples, *value.shape):
        raise ValueError("a statistic must take arrays [resamples, seeds] for each game and give [resamples].")
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return value, low, high


def _checked(scores: Scores) -> dict[str, np.ndarray]:
    """The scores as arrays [..., seeds], games in the order of their names, whatever the order of the mapping."""
    if not scores:
        raise ValueError("expected the scores of one game or more, got none.")
    found = {game: np.asarray(scores[game], dtype=float) for game in sorted(scores)}
    for game, each in found.items():
        if each.ndim == 0 or each.shape[-1] == 0:
            raise ValueError(f"{game}: expected the scores of one seed or more, got none.")
        if not np.isfinite(each).all():
            wrong = each[~np.isfinite(each)][0]
            raise ValueError(f"{game}: expected scores that are finite numbers, got {wrong}; leave that run out.")
    return found
