"""Compute statistics of scores with stratified bootstrap intervals; rrn.stats has the statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

Scores = Mapping[str, Sequence[float] | np.ndarray]  # game to the final score of each seed, [seeds of this game]
Statistic = Callable[..., np.ndarray]  # takes Scores, also with arrays [..., seeds], and returns [...]

FEWEST = 3  # seeds for an interval: the means of resamples of two seeds have three values only


def estimate(
    statistic: Statistic, methods: tuple[Scores, ...], resamples: int, confidence: float, seed: int
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Compute a statistic of the scores of one or more methods, [...], and the ends of its interval, [...] or None.

    Args:
        statistic: called with the scores of each method.
        methods: the scores of each method, [seeds] for each game.
        resamples: number of resamples of the seeds, within each game.
        confidence: share of resamples between the ends of the interval.
        seed: seed of the random numbers.

    Raises:
        ValueError: bad scores, resamples below 1, or a confidence that is not between 0 and 1.
    """
    if resamples < 1 or not 0 < confidence < 1:
        raise ValueError(f"expected resamples >= 1 and 0 < confidence < 1, got {resamples} and {confidence}.")
    arrays = [checked(scores) for scores in methods]
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


def checked(scores: Scores) -> dict[str, np.ndarray]:
    """Return the scores as arrays [..., seeds], with games in the order of their names.

    Raises:
        ValueError: no game, a game without seeds, or a score that is not a finite number.
    """
    if not scores:
        raise ValueError("expected the scores of one game or more, got none.")
    arrays = {game: np.asarray(scores[game], dtype=float) for game in sorted(scores)}
    for game, each in arrays.items():
        if each.ndim == 0 or each.shape[-1] == 0:
            raise ValueError(f"{game}: expected the scores of one seed or more, got none.")
        if not np.isfinite(each).all():
            wrong = each[~np.isfinite(each)][0]
            raise ValueError(f"{game}: expected scores that are finite numbers, got {wrong}; leave that run out.")
    return arrays
