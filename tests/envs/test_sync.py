"""Copies that step in a plain loop show what Gymnasium's SyncVectorEnv shows, bit for bit."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from helpers.paths import ROOT

from rrn.envs.sync import SyncCopies


@pytest.fixture(autouse=True)
def own_environments(monkeypatch):
    """The folder with the module gym_toys."""
    monkeypatch.syspath_prepend(ROOT / "tests" / "data" / "own")


def equal(mine, theirs):
    assert [(a.dtype, a.shape) for a in mine] == [(b.dtype, b.shape) for b in theirs]
    assert all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))


@pytest.mark.parametrize(
    "env_id",
    [
        "CartPole-v1",
        "LunarLander-v3",
        "FrozenLake-v1",  # an observation is a number
        "Pendulum-v1",  # float64 inside, actions of a Box
        "gym_toys:Pixels-v0",
        "gym_toys:Levers-v0",
    ],
)
def test_the_loop_is_the_vector_env_of_gymnasium(env_id):
    makers = [lambda: gymnasium.make(env_id, disable_env_checker=True)] * 3
    mine, theirs = SyncCopies(makers), SyncVectorEnv(makers, autoreset_mode=AutoresetMode.DISABLED)
    assert mine.single_observation_space == theirs.single_observation_space
    assert mine.single_action_space == theirs.single_action_space
    theirs.action_space.seed(0)
    equal(mine.reset(seed=[5, 6, 7])[:1], theirs.reset(seed=[5, 6, 7])[:1])
    resets, kept = 0, []
    for _ in range(250):
        actions = theirs.action_space.sample()
        step = mine.step(actions)
        equal(step[:4], theirs.step(actions)[:4])
        kept.append((step[0], step[0].copy()))
        ended = step[2] | step[3]
        if ended.any():
            resets += 1
            seeds = [resets if row == ended.argmax() else None for row in range(3)]  # the others go on drawing
            shown, _ = mine.reset(seed=seeds, options={"reset_mask": ended})
            equal([shown], theirs.reset(seed=seeds, options={"reset_mask": ended.copy()})[:1])
    assert resets
    assert all(np.array_equal(shown, then) for shown, then in kept)  # no batch is written over


def test_a_reset_without_a_mask_is_one_of_all_copies():
    makers = [lambda: gymnasium.make("CartPole-v1")] * 3
    mine, theirs = SyncCopies(makers), SyncVectorEnv(makers, autoreset_mode=AutoresetMode.DISABLED)
    bounds = {"low": -0.01, "high": 0.01}
    for options in (bounds, {**bounds, "reset_mask": np.array([True, False, True])}):
        equal(mine.reset(seed=[1, 2, 3], options=options)[:1], theirs.reset(seed=[1, 2, 3], options=options.copy())[:1])


class Odd(gymnasium.Env):
    """Show numbers of another type than the space says."""

    observation_space = gymnasium.spaces.Box(-9, 9, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, shown):
        self.shown = shown

    def reset(self, *, seed=None, options=None):
        return self.shown, {}


@pytest.mark.parametrize("shown", [[1, 2], (0.1, 0.2), np.array([0.1, 1 / 3])])
def test_observations_of_another_type_become_that_of_the_space(shown):
    makers = [lambda: Odd(shown)] * 2
    mine, theirs = SyncCopies(makers), SyncVectorEnv(makers, autoreset_mode=AutoresetMode.DISABLED)
    equal(mine.reset(seed=[0, 0])[:1], theirs.reset(seed=[0, 0])[:1])


@pytest.mark.parametrize("shown", [np.zeros(3), np.zeros((1, 2)), np.array([1j, 0])])
def test_observations_that_do_not_fit_the_space_are_refused(shown):
    with pytest.raises((ValueError, TypeError)):
        SyncCopies([lambda: Odd(shown)]).reset(seed=[0])


def test_copies_with_other_spaces_are_refused():
    with pytest.raises(ValueError, match="the same spaces"):
        SyncCopies([lambda: gymnasium.make("CartPole-v1"), lambda: gymnasium.make("Acrobot-v1")])
