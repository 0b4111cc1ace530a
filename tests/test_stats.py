"""rrn.stats gives the numbers of rliable (tests/data/rliable.json, made by scripts/data/rliable_golden.py).

And what must hold besides: games that differ in their number of seeds, few seeds, what is refused.
"""

from __future__ import annotations

import inspect
import json
import math
import time
from functools import partial

import numpy as np
import pytest
from helpers.paths import DATA
from hypothesis import given, settings
from hypothesis import strategies as st

from rrn import stats

GOLDEN = json.loads((DATA / "rliable.json").read_text())
CASES = GOLDEN["cases"]
AGGREGATES = {"mean": stats.mean, "median": stats.median, "iqm": stats.iqm, "optimality_gap": stats.optimality_gap}
FUNCTIONS = {
    **{name: partial(stats.interval, statistic=statistic) for name, statistic in AGGREGATES.items()},
    "improvement": lambda scores, **options: stats.probability_of_improvement(scores, scores, **options),
    "profile": lambda scores, **options: stats.performance_profile(scores, [0.5, 1.0], **options),
}
# rliable's ends are quantiles of its own resamples. The share of ours below such an end misses the nominal one by noise
# whose deviation is sqrt(p (1 - p) (1 / theirs + 1 / ours)), whatever the distribution; four of these are allowed.
RESAMPLES = 50_000
SLACK = 4 * math.sqrt(0.025 * 0.975 * (1 / GOLDEN["reps"] + 1 / RESAMPLES))


def near(value):
    return pytest.approx(value, rel=1e-12, abs=1e-12)


def agree(estimate, golden: dict) -> bool:
    """Whether all of rliable's ends are our quantiles at levels near enough; `estimate` takes these levels."""
    wide = estimate(resamples=RESAMPLES, confidence=0.95 + 2 * SLACK)
    narrow = estimate(resamples=RESAMPLES, confidence=0.95 - 2 * SLACK)
    low, high = np.array(golden["low"]), np.array(golden["high"])
    rounding = 1e-9 * (1 + np.abs(low) + np.abs(high))
    below = (wide.low - rounding <= low) & (low <= narrow.low + rounding)
    above = (narrow.high - rounding <= high) & (high <= wide.high + rounding)
    return bool(np.all(below & above))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", AGGREGATES)
def test_aggregates_equal_those_of_rliable(name, case):
    golden = CASES[case]["aggregates"][name]
    estimate = partial(stats.interval, CASES[case]["x"], AGGREGATES[name])
    assert estimate().value == near(golden["value"])
    assert agree(estimate, golden)


@pytest.mark.parametrize("case", CASES)
def test_probability_of_improvement_equals_that_of_rliable(case):
    golden = CASES[case]["improvement"]
    estimate = partial(stats.probability_of_improvement, CASES[case]["x"], CASES[case]["y"])
    assert estimate().value == near(golden["value"])
    assert agree(estimate, golden)


@pytest.mark.parametrize("case", CASES)
def test_performance_profiles_equal_those_of_rliable(case):
    golden = CASES[case]["profile"]
    estimate = partial(stats.performance_profile, CASES[case]["x"], golden["taus"])
    assert estimate().share == near(np.array(golden["value"]))
    assert agree(estimate, golden)


def wrong_level(scores, statistic, resamples, confidence):
    return stats.interval(scores, statistic, resamples, confidence - 0.03)


def across_games(scores, statistic, resamples, confidence):
    """Runs of all games in one pot."""
    random, runs = np.random.default_rng(0), np.concatenate([*scores.values()])
    draws = {game: random.choice(runs, (resamples, len(each))) for game, each in scores.items()}
    return quantiles(statistic(draws), confidence)


def whole_rows(scores, statistic, resamples, confidence):
    """Seed i of all games drawn together."""
    seeds = len(next(iter(scores.values())))
    index = np.random.default_rng(0).integers(seeds, size=(resamples, seeds))
    return quantiles(statistic({game: np.array(each)[index] for game, each in scores.items()}), confidence)


def quantiles(draws, confidence):
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return stats.Interval(0.0, low, high, 5)


@pytest.mark.parametrize(
    ("wrong", "case"), [(wrong_level, "typical"), (across_games, "scales"), (whole_rows, "lucky seeds")]
)
@pytest.mark.parametrize("name", AGGREGATES)
def test_the_slack_is_narrow_enough(name, wrong, case):
    """A 92 % interval, or one of another bootstrap, does not pass for rliable's."""
    golden = CASES[case]["aggregates"][name]
    assert not agree(partial(wrong, CASES[case]["x"], AGGREGATES[name]), golden)


ROUNDING = 1e-6  # in sums of scores of up to a million, which may cancel
SCORE = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
SEEDS = st.lists(SCORE, min_size=3, max_size=8)
SCORES = st.dictionaries(st.text("abcde", min_size=1, max_size=3), SEEDS, min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(SCORES, SEEDS, SEEDS)
def test_an_interval_holds_its_value(scores, x, y):
    """Of statistics that are means of some kind: a bootstrap may be biased for others."""
    found = [stats.interval(scores, statistic, 400) for statistic in (stats.mean, stats.optimality_gap)]
    found += [stats.seeds_interval(x, 400), stats.difference(x, y, 400)]
    found += [stats.probability_of_improvement({"a": x}, {"a": y}, 400)]
    for each in found:
        assert each.low - ROUNDING <= each.value <= each.high + ROUNDING
    profile = stats.performance_profile(scores, sorted(x), 400)
    assert ((profile.low <= profile.share) & (profile.share <= profile.high)).all()
    assert ((profile.low >= 0) & (profile.high <= 1) & (np.diff(profile.share, prepend=1) <= 0)).all()


@settings(max_examples=60, deadline=None)
@given(SCORES)
def test_games_weigh_the_same_whatever_their_seeds(scores):
    """With each run copied until all games have as many, the aggregates are those of a rectangle."""
    counts = {game: len(each) for game, each in scores.items()}
    runs = sum(counts.values())
    common = runs * math.lcm(*counts.values())
    copies = {game: sorted(list(each) * (common // counts[game])) for game, each in scores.items()}
    for statistic in (stats.mean, stats.median, partial(stats.optimality_gap, gamma=5.0)):
        assert statistic(scores) == pytest.approx(statistic(copies), abs=ROUNDING)
    cut = runs // 4 * common * len(scores) // runs
    middle = np.sort(np.concatenate([*copies.values()]))[cut : common * len(scores) - cut]
    assert stats.iqm(scores) == pytest.approx(middle.mean(), abs=ROUNDING)


@settings(max_examples=30, deadline=None)
@given(SCORES)
@pytest.mark.parametrize("name", AGGREGATES)
def test_the_order_of_games_and_of_arguments_changes_nothing(name, scores):
    found = stats.interval(scores, AGGREGATES[name], 200)
    assert found == stats.interval(dict(reversed(scores.items())), AGGREGATES[name], 200)
    assert found == stats.interval({game: np.array(each) for game, each in scores.items()}, AGGREGATES[name], 200)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_another_seed_gives_other_resamples_and_more_confidence_a_wider_interval(name):
    estimate = partial(FUNCTIONS[name], CASES["typical"]["x"])
    ends = [estimate(resamples=100, seed=seed) for seed in (0, 0, 1)]
    assert np.array_equal(ends[0].low, ends[1].low)
    assert np.array_equal(ends[0].high, ends[1].high)
    assert not (np.array_equal(ends[0].low, ends[2].low) and np.array_equal(ends[0].high, ends[2].high))
    narrow = estimate(confidence=0.5)
    assert np.all(ends[0].low <= narrow.low)
    assert np.all(narrow.high <= ends[0].high)


def test_a_difference_takes_each_side_on_its_own():
    """Its spread is that of both; resampling the same seeds of both would leave none here."""
    x = CASES["one game"]["x"]["game0"]
    same, one = stats.difference(x, x, 20_000), stats.seeds_interval(x, 20_000)
    assert same.value == 0
    assert (same.high - same.low) / (one.high - one.low) == pytest.approx(math.sqrt(2), rel=0.05)
    assert stats.difference(x, [1.0, 2.0, 6.0]).value == near(np.mean(x) - 3.0)


def test_without_three_seeds_there_is_no_interval():
    few, enough = {"a": [1.0, 2.0], "b": [3.0, 2.0, 1.0]}, {"a": [1.0, 2.0, 4.0], "b": [3.0, 2.0, 1.0]}
    for statistic in AGGREGATES.values():
        found = stats.interval(few, statistic)
        assert (found.low, found.high, found.seeds) == (None, None, 2)
        assert stats.interval(enough, statistic).low is not None
    assert stats.performance_profile(few, [0.0]).low is None
    for x, y in ((few, enough), (enough, few)):
        assert stats.probability_of_improvement(x, y).low is None
        assert stats.difference(x["a"], y["a"]) == stats.Interval(np.mean(x["a"]) - np.mean(y["a"]), None, None, 2)
    assert stats.seeds_interval([3.0, 4.0]) == stats.Interval(3.5, None, None, 2)


@pytest.mark.parametrize(("seeds", "share"), [(3, 0.74), (5, 0.83), (10, 0.90)])
def test_how_often_an_interval_holds_the_true_mean(seeds, share):
    """As the docstring of `interval` and the report say."""
    scores = np.random.default_rng(0).normal(size=(2000, seeds))
    found = [stats.seeds_interval(each, resamples=500, seed=number) for number, each in enumerate(scores)]
    assert np.mean([one.low <= 0 <= one.high for one in found]) == pytest.approx(share, abs=0.03)


def test_how_often_the_interval_of_a_difference_leaves_out_0_by_chance():
    """As the docstring of `difference` says, of 5 and 5 seeds."""
    scores = np.random.default_rng(0).normal(size=(1000, 2, 5))
    found = [stats.difference(*each, resamples=500, seed=number) for number, each in enumerate(scores)]
    assert np.mean([one.low > 0 or one.high < 0 for one in found]) == pytest.approx(0.13, abs=0.03)


TEXTS = [
    (stats.Interval(12.34, 10.06, 14.21, 5), {"digits": 1}, "12.3 (10.1 to 14.2)"),
    (stats.Interval(12.34, None, None, 2), {"digits": 1}, "12.3 (2 seeds)"),
    (stats.Interval(12.34, None, None, 1), {}, "12.3 (1 seed)"),
    (stats.Interval(12345.6, 10123.4, 14210.9, 5), {}, "12346 (10123 to 14211)"),
    (stats.Interval(0.51234, 0.49, 0.53, 5), {}, "0.512 (0.490 to 0.530)"),
    (stats.Interval(0.0, 0.0, 0.0, 5), {}, "0.0 (0.0 to 0.0)"),
    (stats.Interval(0.125, 0.125, 0.125, 5), {}, "0.125 (0.125 to 0.125)"),
    (stats.Interval(-0.01, -0.06, 2.0, 5), {"digits": 1, "sign": True}, "0.0 (-0.1 to 2.0)"),
    (stats.Interval(1.5, -0.5, 2.0, 5), {"digits": 1, "sign": True}, "+1.5 (-0.5 to 2.0)"),
    (stats.Interval(-1.5, -2.5, 2.0, 5), {"digits": 0, "sign": True}, "-2 (-2 to 2)"),
]


@pytest.mark.parametrize(("interval", "options", "text"), TEXTS)
def test_an_interval_as_text(interval, options, text):
    assert interval.text(**options) == text
    assert str(interval) == f"{interval}" == interval.text()


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_scores_that_are_no_numbers_are_refused_with_their_game(name, wrong):
    with pytest.raises(ValueError, match=f"Pong: .* got {wrong}"):
        FUNCTIONS[name]({"Breakout": [1.0, 2.0, 3.0], "Pong": [1.0, wrong, 3.0]})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_slips_are_refused(name):
    scores = {"Pong": [1.0, 2.0, 3.0]}
    for wrong, why in [({}, "got none"), ({"Pong": []}, "Pong: .* got none"), ({"Pong": np.ones((3, 2))}, r"\(3, 2\)")]:
        with pytest.raises(ValueError, match=why):
            FUNCTIONS[name](wrong)
    for wrong in ({"resamples": 0}, {"confidence": 95}, {"confidence": 0.0}):
        with pytest.raises(ValueError, match="resamples >= 1 and 0 < confidence < 1"):
            FUNCTIONS[name](scores, **wrong)


def test_other_slips_are_refused():
    with pytest.raises(ValueError, match="only one has Breakout, Pong"):
        stats.probability_of_improvement({"Pong": [1.0]}, {"Breakout": [1.0]})
    with pytest.raises(ValueError, match="a statistic must take"):
        stats.interval({"Pong": [1.0, 2.0, 3.0]}, lambda scores: max(np.max(each) for each in scores.values()))


def test_defaults_are_the_same_everywhere():
    functions = [stats.interval, stats.seeds_interval, stats.difference]
    functions += [stats.probability_of_improvement, stats.performance_profile]
    defaults = [
        {
            name: given.default
            for name, given in inspect.signature(one).parameters.items()
            if given.default != given.empty
        }
        for one in functions
    ]
    assert defaults == [{"resamples": 2000, "confidence": 0.95, "seed": 0}] * len(functions)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_fifteen_games_take_no_time(name):
    scores = {f"game{number}": np.random.default_rng(number).normal(size=5) for number in range(15)}
    began = time.process_time()
    FUNCTIONS[name](scores)
    assert time.process_time() - began < 0.5


def test_holm():
    """The smallest of four is multiplied by 4, the next by 3, ...; none is below one that was smaller before."""
    assert stats.holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert stats.holm([0.6, 0.5]).tolist() == [1, 1]
    assert stats.holm([]).tolist() == []


def test_an_end_near_0_shows_its_side():
    assert stats.Interval(3.62, -0.042, 7.5, 5).text(1, sign=True) == "+3.62 (-0.04 to 7.50)"
    assert stats.Interval(3.62, 0.0, 7.5, 5).text(1) == "3.6 (0.0 to 7.5)"
