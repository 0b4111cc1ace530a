"""Transitions are drawn by their priorities, and the weights make up for it (Schaul et al. 2016)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rrn.agents import make_learner
from rrn.agents.dqn.priorities import BLOCK, PrioritizedSampler
from rrn.agents.dqn.replay import ReplayBuffer
from rrn.config.compose import compose_config
from rrn.envs import make_envs


def test_rows_are_drawn_as_often_as_their_priorities_say():
    priorities, generator = PrioritizedSampler(3 * BLOCK, alpha=0.5), torch.Generator().manual_seed(0)
    rows = torch.tensor([0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 7, 3 * BLOCK - 1])
    priorities.update(rows, torch.tensor([1.0, 4, 9, 16, 25, 36]))
    drawn = priorities.sample(40_000, generator)
    counts = torch.bincount(drawn, minlength=3 * BLOCK)
    assert counts[rows].sum() == 40_000  # and the others, of priority 0, never
    assert (counts[rows] / 40_000).tolist() == pytest.approx([k / 21 for k in range(1, 7)], rel=0.06)
    expected = (10 * torch.arange(1, 7) / 21) ** -0.4
    assert torch.allclose(priorities.weights(rows, beta=0.4), (expected / expected.max()).float())


def test_sums_stay_those_of_the_priorities():
    priorities, generator = PrioritizedSampler(2 * BLOCK + 5, alpha=0.6), torch.Generator().manual_seed(0)
    kept = torch.zeros(3 * BLOCK, dtype=torch.float64)
    for _ in range(300):
        rows = torch.randperm(2 * BLOCK + 5, generator=generator)[:32]
        values = torch.rand(32, generator=generator) * 100 + 1e-6
        priorities.update(rows, values)
        kept[rows] = values.double() ** 0.6
    assert torch.equal(priorities.powers.view(-1), kept)
    assert torch.equal(priorities.sums, kept.view(3, BLOCK).sum(1))


def add(replay, frames=1):
    for _ in range(frames):
        size = replay.num_envs
        replay.add(np.zeros((size, 2)), np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(size))


def test_a_new_transition_has_the_largest_priority_and_a_last_frame_none():
    replay = ReplayBuffer(50, 1, (2,), torch.float32, 1, alpha=0.5)
    powers = replay.priorities.powers.view(-1)
    add(replay, 10)
    assert powers[:10].tolist() == [1] * 9 + [0]  # the last one has no next frame yet
    replay.priorities.update(torch.tensor([3]), torch.tensor([49.0]))
    replay.add_final(np.array([0]), np.zeros((1, 2)))
    add(replay, 2)
    assert powers[:13].tolist() == [1, 1, 1, 7, 1, 1, 1, 1, 1, 7, 0, 7, 0]
    add(replay, 48)  # over the old ones
    assert powers[3] == 7
    assert replay.sample(100, torch.Generator().manual_seed(0), beta=1.0).weights.min() > 0.1


@pytest.mark.parametrize(("num_envs", "stack", "n_step"), [(1, 1, 1), (1, 4, 1), (2, 4, 3), (3, 2, 5), (2, 1, 4)])
def test_the_same_transitions_can_be_drawn_as_uniformly(num_envs, stack, n_step):
    replay = ReplayBuffer(30 * num_envs, num_envs, (2,), torch.float32, stack, n_step=n_step, alpha=0.6)
    cuts, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    for _ in range(150):
        add(replay)
        cut = np.flatnonzero(cuts.random(num_envs) < 0.2)
        replay.add_final(cut, np.zeros((len(cut), 2)))
        if len(replay) >= num_envs * (2 * stack + n_step - 1):
            uniform = set(replay._draw(4000, generator).tolist())
            assert set(replay.priorities.powers.view(-1).nonzero().flatten().tolist()) == uniform


@pytest.mark.parametrize("distributional", [False, True])
def test_an_update_sets_the_priorities_to_its_errors(distributional):
    switches = ["agent.prioritised=true", "agent.batch_size=16", f"agent.distributional={distributional}"]
    config = compose_config(["env=CartPole", "act=rational", *switches])
    learner = make_learner(config, make_envs(config.env, 1, (0,)), torch.device("cpu"))
    while learner.warming_up:
        learner.warmup_step()
    drawn = []
    sample = learner.replay.sample
    learner.replay.sample = lambda *args: drawn.append(sample(*args)) or drawn[-1]
    for step in range(12):  # three updates
        learner.training_step(step, False)
    learner.replay.sample = sample
    rows, errors = drawn[-1].rows, learner.agent.errors
    assert len(set(errors.tolist())) > 8
    assert torch.allclose(learner.replay.priorities.powers.view(-1)[rows], (errors.double() + 1e-6) ** 0.6, rtol=1e-5)
    assert drawn[-1].weights.max() == 1
    assert learner.sample_observations(8, torch.Generator()).shape[0] == 8  # uniformly: for the measures


def test_beta_rises_in_a_line():
    config = compose_config(["env=CartPole", "agent.prioritised=true", "agent.priority_beta_steps=1000"])
    agent = make_learner(config, make_envs(config.env, 1, (0,)), torch.device("cpu")).agent
    assert [agent.beta(step) for step in (0, 500, 1000, 10**6)] == pytest.approx([0.4, 0.7, 1.0, 1.0])
