"""rrn.stats on one learning curve, or the curves of some seeds: area, first step at a threshold, band."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrn import stats
from rrn.common.curves import Curve

ROUNDING = 1e-6  # in sums of scores of up to a million, which may cancel
SCORE = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
STEPS = st.lists(st.integers(0, 10**8), min_size=2, max_size=20, unique=True).map(sorted)


def curve(steps, means) -> Curve:
    return Curve("Pong", "dqn", "relu", 0, np.array(steps), np.array(means, dtype=float))


@settings(max_examples=60, deadline=None)
@given(STEPS, st.data())
def test_the_area_under_a_curve_is_its_mean_height(steps, data):
    means = data.draw(st.lists(SCORE, min_size=len(steps), max_size=len(steps)))
    area = stats.area_under_curve(curve(steps, means))
    assert min(means) - ROUNDING <= area <= max(means) + ROUNDING
    more = np.unique(np.concatenate([steps, np.linspace(steps[0], steps[-1], 50)]))  # points between, on its lines
    assert stats.area_under_curve(curve(more, np.interp(more, steps, means))) == pytest.approx(area, abs=ROUNDING)
    # the unit is that of the score, whatever that of the steps
    assert stats.area_under_curve(curve(np.array(steps) * 2 + 5, np.array(means) * 2 + 1)) == pytest.approx(
        area * 2 + 1
    )
    line = (np.array(steps) - steps[0]) / (steps[-1] - steps[0])
    assert stats.area_under_curve(curve(steps, line)) == pytest.approx(0.5)


def test_the_band_of_curves_is_the_interval_at_each_evaluation():
    values = np.random.default_rng(0).normal(size=(5, 3)) * [1, 10, 0] + [0, 50, 2]
    low, high = stats.band(values, resamples=20_000)
    for at in range(3):
        alone = stats.seeds_interval(values[:, at], resamples=20_000)
        assert (low[at], high[at]) == pytest.approx(
            (alone.low, alone.high), abs=0.05 * (alone.high - alone.low) + 1e-12
        )


def test_the_area_of_known_curves():
    assert stats.area_under_curve(curve([0, 10, 40], [0.0, 2.0, 4.0])) == pytest.approx((10 * 1 + 30 * 3) / 40)
    for steps, means in (([5], [1.0]), ([], []), ([0, 10], [1.0, math.nan])):
        with pytest.raises(ValueError, match=r"Pong: .* two evaluations"):
            stats.area_under_curve(curve(steps, means))


@settings(max_examples=60, deadline=None)
@given(STEPS, st.data())
def test_the_first_step_at_a_threshold(steps, data):
    means = data.draw(
        st.lists(st.sampled_from([math.nan, -1.0, 0.0, 0.5, 2.0]), min_size=len(steps), max_size=len(steps))
    )
    for threshold in (-2.0, 0.0, 0.25, 2.0, 3.0):
        expected = next((step for step, score in zip(steps, means, strict=True) if score >= threshold), None)
        found = stats.first_step_at(curve(steps, means), threshold)
        assert found == expected
        assert found is None or type(found) is int
    flat = replace(curve(steps, means), means=np.full(len(steps), 1.0))
    assert stats.first_step_at(flat, 1.0) == steps[0]


def test_the_score_of_a_run_whose_tasks_change_is_the_mean_of_those_it_has_learnt():
    one = Curve("random_labels", "classifier", "relu", 0, np.array([0, 10, 20, 30]), np.array([10.0, 90, 70, 20]), True)
    assert one.last == 60
    assert one.at(25) == 80
    assert one.at(0) == 10
