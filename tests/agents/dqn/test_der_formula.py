"""The update of data-efficient Rainbow against a slow formula of its own, over recorded batches.

The formula takes each transition alone, in float64 and loops: Double Q-learning's choice, dueling, the distribution's
projection (C51), the weighted cross entropy, and the priorities (van Hasselt et al. 2019, Hessel et al. 2018).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rrn.agents import make_learner
from rrn.agents.dqn.learner import SMALLEST_PRIORITY
from rrn.agents.dqn.noisy import NoisyLinear
from rrn.common.device import CPU
from rrn.config.compose import compose_config
from rrn.envs import make_envs

pytest.importorskip("ale_py")

BATCHES = 20


def weights_of(layer, factors):
    """Return the noisy weights and biases of a layer, float64, for its drawn factors of inputs and outputs."""
    into, out = (part.double().numpy() for part in factors)
    weight = layer.weight.detach().double().numpy() + layer.weight_sigma.detach().double().numpy() * np.outer(out, into)
    return weight, layer.bias.detach().double().numpy() + layer.bias_sigma.detach().double().numpy() * out


def features_of(network, observation):
    """Pass one observation [stack, 84, 84] through the convolutions, in float64."""
    x = torch.as_tensor(observation)[None].double() / 255
    for name, layer in network.layers.named_children():
        if name == "output":
            return x[0].numpy()
        if isinstance(layer, torch.nn.Conv2d):
            x = torch.nn.functional.conv2d(
                x, layer.weight.detach().double(), layer.bias.double(), layer.stride
            ).detach()
        else:
            x = layer(x)
    raise AssertionError("no output")


def distribution(network, observation, factors, actions, atoms):
    """Compute the logarithms of the probabilities of the return of each action, [actions][atoms]."""
    x = features_of(network, observation)
    streams = {}
    for part, layers in network.layers.output.items():
        hidden, last = (layer for layer in layers if isinstance(layer, NoisyLinear))
        weight, bias = weights_of(hidden, factors[hidden])
        y = np.maximum(weight @ x + bias, 0)
        weight, bias = weights_of(last, factors[last])
        streams[part] = weight @ y + bias
    advantages, value = streams["advantages"].reshape(actions, atoms), streams["value"]
    rows = []
    for action in range(actions):
        logits = [
            value[k] + advantages[action, k] - sum(advantages[a, k] for a in range(actions)) / actions
            for k in range(atoms)
        ]
        top = max(logits)
        total = math.log(sum(math.exp(logit - top) for logit in logits)) + top
        rows.append([logit - total for logit in logits])
    return rows


def expected(logs, support):
    return sum(math.exp(log) * z for log, z in zip(logs, support, strict=True))


def transition(agent, batch, index, noises, config):
    """Compute loss, priority and Q-value of one transition."""
    chosen_noise, target_noise, own_noise = noises
    atoms, low, high = agent.values.atoms, agent.values.low, agent.values.high
    width = (high - low) / (atoms - 1)
    support = [low + k * width for k in range(atoms)]
    shape = agent.num_actions, atoms
    choosing = distribution(agent.network, batch.next_states[index], chosen_noise, *shape)
    values = [expected(logs, support) for logs in choosing]
    best = values.index(max(values))
    target = distribution(agent.target, batch.next_states[index], target_noise, *shape)[best]
    returns, gamma = 0.0, config.agent.gamma
    for k in range(config.agent.n_step):
        returns += gamma**k * min(max(batch.rewards[index, k].item(), -1.0), 1.0)
    discount = 0.0 if batch.terminated[index] else gamma ** batch.steps[index].item()
    projected = [0.0] * atoms
    for log, z in zip(target, support, strict=True):
        position = (min(max(returns + discount * z, low), high) - low) / width
        below, above = math.floor(position), math.ceil(position)
        if below == above:
            projected[below] += math.exp(log)
        else:
            projected[below] += math.exp(log) * (above - position)
            projected[above] += math.exp(log) * (position - below)
    own = distribution(agent.network, batch.states[index], own_noise, *shape)[batch.actions[index].item()]
    cross_entropy = -sum(p * log for p, log in zip(projected, own, strict=True))
    entropy = -sum(p * math.log(p) for p in projected if p > 0)
    return cross_entropy, max(cross_entropy - entropy, 0.0), expected(own, support)


def recorded(agent, monkeypatch):
    """Record the noise that is drawn, in the order of the passes of an update: target, choice, states."""
    drawn, forward = [], NoisyLinear.forward

    def record(layer, x):
        state = torch.get_rng_state()
        y = forward(layer, x)
        after = torch.get_rng_state()
        torch.set_rng_state(state)
        z = torch.randn(1, layer.in_features + layer.out_features)[0]
        torch.set_rng_state(after)
        drawn.append((layer, (z.sign() * z.abs().sqrt()).split((layer.in_features, layer.out_features))))
        return y

    monkeypatch.setattr(NoisyLinear, "forward", record)
    return drawn


def test_update_is_the_formula_over_20_batches(monkeypatch):
    overrides = ["env=Pong", "agent=der", "act=relu", "experiment=atari100k", "agent.batch_size=3"]
    config = compose_config([*overrides, "agent.warmup=120", "agent.replay_capacity=2000", "agent.noisy_sigma=0.5"])
    learner = make_learner(config, make_envs(config.env, 1, (0,)), CPU)
    agent, sampler = learner.agent, learner.replay.priorities
    while learner.warming_up:
        learner.warmup_step()
    drawn = recorded(agent, monkeypatch)
    for number in range(BATCHES):
        if number == BATCHES // 2:
            agent.copy_target()
        beta = agent.beta(100 * number)
        batch = learner.replay.sample(config.agent.batch_size, agent.generator, beta)
        # random play has few rewards and ends
        batch.rewards = 2 * torch.randn(batch.rewards.shape, generator=agent.generator)
        batch.terminated = torch.rand(batch.terminated.shape, generator=agent.generator) < 0.3
        powers = sampler.powers.view(-1)
        probabilities = [powers[row].item() / powers.sum().item() for row in batch.rows]
        rarest = max(p**-beta for p in probabilities)
        weights = [p**-beta / rarest for p in probabilities]
        assert batch.weights.tolist() == pytest.approx(weights, rel=1e-5)
        drawn.clear()
        with monkeypatch.context() as frozen:  # the formula needs the weights before the step of Adam
            frozen.setattr(agent, "optimizer_step", lambda loss, *_: {"gradient_norm": 0.0})
            torch.manual_seed(number)
            found = agent.update(batch)
        layers = len(drawn) // 3
        target, choice, own = (dict(drawn[k * layers : (k + 1) * layers]) for k in range(3))
        slow = [transition(agent, batch, k, (choice, target, own), config) for k in range(config.agent.batch_size)]
        losses, priorities, values = map(list, zip(*slow, strict=True))
        mean = sum(w * loss for w, loss in zip(weights, losses, strict=True)) / len(losses)
        assert found["loss"] == pytest.approx(mean, rel=1e-4)
        assert agent.errors.tolist() == pytest.approx(priorities, rel=1e-3, abs=1e-5)
        assert found["q_mean"] == pytest.approx(sum(values) / len(values), rel=1e-3, abs=1e-5)
        torch.manual_seed(number)
        with monkeypatch.context() as recording:
            recording.setattr(learner.replay, "sample", lambda *_, batch=batch: batch)
            learner._learn(agent.updates + 1, False)
        rows = batch.rows.tolist()
        for row in rows:  # a row can be drawn twice
            own_priorities = [p + SMALLEST_PRIORITY for r, p in zip(rows, priorities, strict=True) if r == row]
            powers_then = [p**config.agent.priority_alpha for p in own_priorities]
            assert any(powers[row].item() == pytest.approx(power, rel=1e-3) for power in powers_then)
