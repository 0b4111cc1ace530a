"""Heads of the policy against torch.distributions, and what reaches the network, the environment and the targets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.paths import ROOT
from torch import nn
from torch.distributions import Categorical, Independent, Normal

from rrn.agents import make_learner
from rrn.agents.ppo.normalise import RunningMoments
from rrn.agents.ppo.policy import GaussianHead, MultiCategoricalHead
from rrn.config.compose import compose_config
from rrn.envs import make_envs
from rrn.envs.spaces import Box, MultiDiscrete


@pytest.fixture(autouse=True)
def own_environments(monkeypatch):
    """The folder with the module gym_toys."""
    monkeypatch.syspath_prepend(ROOT / "tests" / "data" / "own")


def learner_for(env_id, *overrides, envs=2, rollout=12):
    settings = [f"env={env_id}", f"env.num_envs={envs}", f"agent.rollout={rollout}", "agent=ppo", "act=relu"]
    config = compose_config([*settings, *overrides])
    return make_learner(config, make_envs(config.env, envs, (0,)), torch.device("cpu"))


def test_several_choices_are_independent_categoricals():
    head, outputs = MultiCategoricalHead(MultiDiscrete([2, 5, 3])), torch.randn(4000, 10)
    actions, log_probs = head.sample(outputs, torch.Generator().manual_seed(0))
    plain = [Categorical(logits=part) for part in outputs.split([2, 5, 3], 1)]
    expected = sum(one.log_prob(choice) for one, choice in zip(plain, actions.T, strict=True))
    assert torch.allclose(log_probs, expected, atol=1e-5)
    again, entropies = head.evaluate(outputs, actions)
    assert torch.allclose(again, expected, atol=1e-5)
    assert torch.allclose(entropies, sum(one.entropy() for one in plain), atol=1e-5)
    same = torch.tensor([[0.0, 1, 2, 0, 0, 0, 0, 3, 0, 1]]).expand(20_000, -1)
    drawn = head.sample(same, torch.Generator().manual_seed(0))[0]
    assert torch.allclose(drawn[:, 2].bincount() / 20_000, same[0, 7:].softmax(0), atol=0.02)


def test_a_vector_is_a_diagonal_gaussian():
    log_std = nn.Parameter(torch.tensor([0.3, -1.0]))
    head, mean = GaussianHead(Box([-1, -1], [1, 1]), log_std), torch.randn(20_000, 2)
    actions, log_probs = head.sample(mean, torch.Generator().manual_seed(0))
    plain = Independent(Normal(mean, log_std.exp()), 1)
    assert torch.allclose(log_probs, plain.log_prob(actions), atol=1e-5)
    again, entropies = head.evaluate(mean, actions)
    assert torch.allclose(again, plain.log_prob(actions), atol=1e-5)
    assert torch.allclose(entropies, plain.entropy(), atol=1e-5)
    assert torch.allclose((actions - mean).std(0), log_std.exp(), rtol=0.03)


def test_deterministic_actions_are_the_most_probable_ones():
    logits = torch.tensor([[0.1, 0.2, -1, 3, 2], [5, 0, 0, 0, 1]])
    head = MultiCategoricalHead(MultiDiscrete([2, 3]))
    actions = head.mode(logits)
    assert actions.tolist() == [[1, 1], [0, 2]]
    log_probs = head.evaluate(logits, actions)[0]
    others = torch.cartesian_prod(torch.arange(2), torch.arange(3))
    assert all((head.evaluate(logits, other.expand(2, 2))[0] <= log_probs).all() for other in others)
    gaussian = GaussianHead(Box([-1, -1], [1, 1]), nn.Parameter(torch.zeros(2)))
    assert torch.equal(gaussian.mode(logits[:, :2]), logits[:, :2])


def test_the_deviation_is_learned_and_starts_at_1():
    learner = learner_for("gym_toys:Push-v0")
    assert learner.agent.network.log_std.tolist() == [0, 0]
    learner.training_step(0, measure=False)
    assert (learner.agent.network.log_std != 0).all()
    kept = learner.agent.state_dict()
    other = learner_for("gym_toys:Push-v0").agent
    other.load_state_dict(kept)
    assert torch.equal(other.network.log_std, learner.agent.network.log_std)


def test_actions_are_clipped_for_the_environment_alone():
    learner = learner_for("gym_toys:Push-v0", rollout=15)
    learner._collect()
    kept, played = learner.actions, np.stack([learner.games.actions[env] for env in range(2)], 1)
    assert kept.dtype == torch.float32
    assert (kept[:, :, 0].abs() > 0.5).any()
    assert np.array_equal(kept.numpy().clip([-0.5, -1], [0.5, np.inf]).astype(np.float32), played.astype(np.float32))


def test_only_a_cut_off_episode_is_bootstrapped():
    """In an environment that counts: advantages by hand, where the last value follows a cut-off and not an end."""
    learner = learner_for(
        "gym_toys:Count-v0", "agent.gamma=0.9", "agent.gae_lambda=0.0", "agent.separate_value=false", rollout=12
    )
    learner._collect()
    rewards = learner._samples().returns.view(12, 2)  # lambda 0: reward + gamma * value of the next observation
    value = lambda number: learner.agent.value(torch.tensor([[[float(number)]]])).item()  # noqa: E731
    cut_off = ended = 0
    for env in range(2):
        for t in range(11):
            steps = learner.observations[t, env].item() + 1
            stopped = learner.actions[t, env] == 1
            target = 1.0 if stopped else 1 + 0.9 * value(steps)
            assert rewards[t, env].item() == pytest.approx(target, abs=1e-5)
            cut_off, ended = cut_off + (steps == 5 and not stopped), ended + stopped
    assert ended
    learner.agent.network.layers.output.bias.data[1] = -9  # never stop
    learner._collect()
    rewards = learner._samples().returns.view(12, 2)
    for t in range(11):
        steps = learner.observations[t, 0].item() + 1
        assert rewards[t, 0].item() == pytest.approx(1 + 0.9 * value(steps), abs=1e-5)


def test_moments_are_those_of_all_values():
    moments, values = RunningMoments((3,)), torch.randn(70, 3, dtype=torch.float64) * 5 + torch.tensor([0, 1000, -3])
    for part in values.split([1, 9, 20, 40]):
        moments.update(part)
    assert torch.allclose(moments.mean, values.mean(0), rtol=1e-5)
    assert torch.allclose(moments.variance, values.var(0, correction=0), rtol=2e-1)  # the start has a small weight
    plain = RunningMoments((3,))
    plain.count = 0.0
    plain.update(values[:10])
    plain.update(values[10:])
    assert torch.allclose(plain.variance, values.var(0, correction=0), rtol=1e-10)


def test_observations_and_rewards_are_normalised_by_what_was_seen():
    on = ["agent.normalise_observations=true", "agent.normalise_rewards=true", "agent.gamma=0.9"]
    plain, learner = learner_for("gym_toys:Push-v0", *on), learner_for("gym_toys:Push-v0", *on)
    seen, rewards, returns, running, dones = [], [], [], np.zeros(2), []
    learner._collect()
    for t in range(12):
        seen.append(plain.games.observations[:, 0])
        rows = np.concatenate(seen)
        expected = (seen[-1] - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-8)
        if t > 2:  # the start has a small weight
            assert np.allclose(learner.observations[t, :, 0], expected.clip(-10, 10), atol=0.05)
        step = plain.games.step(learner.actions[t].numpy())
        running = running * 0.9 + step.rewards
        returns.append(running.copy())
        running[step.done] = 0
        rewards.append(step.rewards)
        dones.append(step.done)
        if t > 2:
            scale = np.sqrt(np.concatenate(returns).var() + 1e-8)
            assert np.allclose(learner.rewards[t], (rewards[-1] / scale).clip(-10, 10), rtol=0.05)
    assert not np.any(dones)
    before = learner.agent.observed.mean.clone()
    learner.agent.act(plain.games.observations, 0.0)  # as in an evaluation
    assert torch.equal(learner.agent.observed.mean, before)


def test_values_of_an_evaluation_are_in_the_units_of_the_rewards():
    learner = learner_for("gym_toys:Push-v0", "agent.normalise_rewards=true")
    learner._collect()
    observations = torch.from_numpy(learner.games.observations)
    values = learner.agent.act_with_values(observations.numpy(), 0.0)[1]
    scale = learner.agent.returned.scale.float()
    assert scale != 1
    assert torch.allclose(values, learner.agent.value(observations) * scale)
