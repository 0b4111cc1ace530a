"""The augmentation of DrQ is what a loop over images does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from helpers.small_agents import agent_for, random_batch

from rrn.agents.dqn.augmentation import CUT, augment, random_intensity, random_shift
from rrn.common.errors import UserError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(20, 4, 84, 84), (7, 1, 10, 12)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.float32])
def test_a_shift_moves_each_observation_as_a_loop_does(shape, dtype):
    frames = (torch.rand(shape, generator=generator(1)) * 255).to(dtype)
    shifted = random_shift(frames, 4, generator())
    assert (shifted.dtype, shifted.shape) == (dtype, frames.shape)
    moves = torch.randint(9, (shape[0], 2), generator=generator()).tolist()
    assert len({tuple(move) for move in moves}) > 3
    for image, moved, (down, right) in zip(frames, shifted, moves, strict=True):
        for y in range(shape[2]):
            for x in range(shape[3]):
                row = min(max(y + down - 4, 0), shape[2] - 1)
                column = min(max(x + right - 4, 0), shape[3] - 1)
                assert torch.equal(moved[:, y, x], image[:, row, column])


def test_all_shifts_are_as_likely_and_none_is_further_than_it_may_be():
    picture = torch.zeros(4000, 1, 9, 9)
    picture[:, 0, 4, 4] = 1
    where = random_shift(picture, 2, generator()).sum((0, 1))
    assert where.sum() == 4000
    assert not where[:2].any()
    assert not where[:, :2].any()
    assert (where[2:7, 2:7] - 160).abs().max() < 60  # standard deviation 12.4


def test_intensity_is_one_factor_for_each_observation_cut_off_at_two_deviations():
    frames = torch.randint(256, (5000, 1, 2, 2), generator=generator(1), dtype=torch.uint8).clamp(min=1)
    changed = random_intensity(frames, 0.05, generator())
    factors = changed / frames
    assert factors.var((1, 2, 3)).max() < 1e-10
    factor = factors[:, 0, 0, 0]
    expected = 1 + 0.05 * torch.randn(5000, generator=generator()).clamp(-CUT, CUT)
    assert torch.allclose(factor, expected, atol=1e-6)
    assert factor.max() == pytest.approx(1.1)
    assert factor.min() == pytest.approx(0.9)


def test_zero_leaves_observations_as_they_are():
    frames = torch.randint(256, (3, 4, 84, 84), dtype=torch.uint8)
    assert augment(frames, 0, 0.0, generator()) is frames


def test_an_update_learns_from_both_observations_augmented():
    agent, plain = agent_for("env=Pong", "agent=drq", "act=relu"), agent_for("env=Pong", "agent=ddqn", "act=relu")
    assert (agent.config.shift, agent.config.intensity, plain.config.shift) == (4, 0.05, 0)
    states, next_states = torch.randint(256, (2, 4, 4, 84, 84), generator=generator(1), dtype=torch.uint8)
    batch = replace(random_batch(4, n_step=10), states=states, next_states=next_states)
    assert plain.augmented(batch) is batch
    agent.generator.manual_seed(3)
    augmented = agent.augmented(batch)
    expected = generator(3)
    for name in ("states", "next_states"):
        by_hand = random_intensity(random_shift(getattr(batch, name), 4, expected), 0.05, expected)
        assert torch.equal(getattr(augmented, name), by_hand)
    assert torch.equal(augmented.rewards, batch.rewards)
    seen = []
    agent.loss, loss = lambda one: seen.append(one) or loss(one), agent.loss
    agent.fast_loss = agent.loss
    agent.generator.manual_seed(3)
    agent.update(batch)
    assert torch.equal(seen[0].states, augmented.states)


def test_vectors_are_not_augmented():
    with pytest.raises(UserError, match=r"agent\.shift: expected 0 with observations that are no pictures, got 4"):
        agent_for("agent=drq")
    with pytest.raises(
        UserError, match=r"agent\.intensity: expected 0 with observations that are no pictures, got 0\.1"
    ):
        agent_for("agent.intensity=0.1")
