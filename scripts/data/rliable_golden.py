"""What rliable 1.2.0 says of a few sets of scores: tests/data/rliable.json, which tests/test_stats.py compares.

rliable needs old versions of what it builds on, so it has an environment of its own (Python 3.11; the numbers of the
file were made with numpy 1.26.4, scipy 1.17.1 and arch 6.3.0):

    python3.11 -m venv .venv-rliable
    .venv-rliable/bin/pip install rliable==1.2.0 "numpy<2" "pandas<2.1" "arch<7"
    .venv-rliable/bin/python scripts/data/rliable_golden.py     # minutes

It takes nothing of rrn.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rliable import library, metrics

TARGET = Path(__file__).parents[2] / "tests/data/rliable.json"
REPS = 20_000
AGGREGATES = {
    "mean": metrics.aggregate_mean,
    "median": metrics.aggregate_median,
    "iqm": metrics.aggregate_iqm,
    "optimality_gap": metrics.aggregate_optimality_gap,
}
Pair = tuple[np.ndarray, np.ndarray]  # [seeds, games] of two methods, which may differ in seeds


def cases() -> dict[str, Pair]:
    """Scores that try one thing each."""
    random = np.random.default_rng(0)
    typical = random.lognormal(0.0, 0.8, (5, 6)), random.lognormal(0.3, 0.8, (7, 6))
    tied = random.integers(0, 4, (6, 4)) / 2.0, random.integers(0, 4, (6, 4)) / 2.0
    tied[1][:, 2] = tied[0][:, 2]  # one game where both are the same
    below = random.normal(-0.5, 1.0, (4, 5)), random.normal(-0.2, 1.0, (4, 5))
    outliers = random.lognormal(0.0, 0.5, (10, 3)), random.lognormal(0.0, 0.5, (5, 3))
    outliers[0][3, 1] = 1e4
    # Seeds that are lucky in all games: resampling whole rows would give intervals that are too wide.
    lucky = tuple(random.normal(0.5, 0.5, (8, 1)) + random.normal(0.5, 0.1, (8, 5)) for _ in range(2))
    # Games of different scale: resampling runs across games would give intervals that are too wide.
    scales = tuple(random.normal(1.0, 0.1, (5, 4)) * [0.2, 0.7, 1.5, 8.0] for _ in range(2))
    one_game = random.normal(0.8, 0.3, (9, 1)), random.normal(1.0, 0.3, (5, 1))
    found = {"typical": typical, "tied": tied, "negative": below, "outliers": outliers}
    found |= {"lucky seeds": lucky, "scales": scales, "one game": one_game}
    return {name: (np.round(x, 4), np.round(y, 4)) for name, (x, y) in found.items()}


def estimates(scores: np.ndarray | Pair, function: Callable[..., np.ndarray]) -> dict[str, list[float]]:
    """Values of a function that returns a row, and the ends of their 95 % intervals, [values] each."""
    np.random.seed(0)  # noqa: NPY002 - rliable draws from the generator of all
    values, ends = library.get_interval_estimates({"x": scores}, function, reps=REPS)
    low, high = ends["x"]
    return {"value": values["x"].tolist(), "low": low.tolist(), "high": high.tolist()}


def results(x: np.ndarray, y: np.ndarray) -> dict:
    """All that the tests compare, for one pair."""
    aggregates = estimates(x, lambda scores: np.array([function(scores) for function in AGGREGATES.values()]))
    improvement = estimates((x, y), lambda *pair: np.array([metrics.probability_of_improvement(*pair)]))
    # some are scores, as strictly above differs from at least there
    taus = np.quantile(x, np.linspace(0, 1, 9)).round(4)
    taus[1] = x.flat[0]
    return {
        "x": as_mapping(x),
        "y": as_mapping(y),
        "aggregates": {
            name: {key: found[number] for key, found in aggregates.items()} for number, name in enumerate(AGGREGATES)
        },
        "improvement": {key: found[0] for key, found in improvement.items()},
        "profile": {"taus": taus.tolist()} | estimates(x, lambda scores: library.score_distributions(scores, taus)),
    }


def as_mapping(scores: np.ndarray) -> dict[str, list[float]]:
    return {f"game{number}": column.tolist() for number, column in enumerate(scores.T)}


def main() -> None:
    found = {name: results(*pair) for name, pair in cases().items()}
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps({"rliable": "1.2.0", "reps": REPS, "cases": found}, indent=1) + "\n")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
