"""Noisy layers are those of the paper; DQN explores and learns with their noise and is judged without it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.small_agents import CPU, agent_for, random_batch

from rrn.agents import make_learner
from rrn.agents.dqn.noisy import NoisyLinear, noise, noisy_layers
from rrn.config.compose import compose_config
from rrn.envs import make_envs


@pytest.mark.parametrize("each_row", [False, True])
def test_layer_is_that_of_the_paper(each_row):
    """y = (mu_w + sigma_w * eps_w) x + mu_b + sigma_b * eps_b, eps_w = g(n) g(m)^T, eps_b = g(n) (section 3, b)."""
    torch.manual_seed(0)
    layer = NoisyLinear(3, 2)
    with torch.no_grad():
        layer.weight_sigma.uniform_()
        layer.bias_sigma.uniform_()
    x = torch.randn(4, 3)
    assert torch.equal(layer(x), torch.nn.functional.linear(x, layer.weight, layer.bias))
    torch.manual_seed(1)
    with noise([layer], each_row=each_row):
        y = layer(x)
    assert torch.equal(layer(x), torch.nn.functional.linear(x, layer.weight, layer.bias))
    torch.manual_seed(1)
    drawn = torch.randn(4 if each_row else 1, 3 + 2)
    inputs, outputs = drawn[:, :3].tolist(), drawn[:, 3:].tolist()
    for row in range(4):
        m, n = (numbers[row if each_row else 0] for numbers in (inputs, outputs))
        g_m, g_n = (np.sign(numbers) * np.sqrt(np.abs(numbers)) for numbers in (m, n))
        weight = layer.weight.detach().numpy() + layer.weight_sigma.detach().numpy() * np.outer(g_n, g_m)
        bias = layer.bias.detach().numpy() + layer.bias_sigma.detach().numpy() * g_n
        assert y[row].tolist() == pytest.approx(weight @ x[row].numpy() + bias, rel=1e-5, abs=1e-6)


def test_start_is_that_of_the_paper():
    """mu from U(-1/sqrt(p), 1/sqrt(p)), sigma 0.5 / sqrt(p), with p inputs (section 3.2)."""
    torch.manual_seed(0)
    plain = agent_for("agent=dqn").network
    torch.manual_seed(0)
    network = agent_for("agent=dqn", "agent.noisy=true", "agent.dueling=true").network
    assert [type(layer) for layer in network.layers] == [
        NoisyLinear if isinstance(layer, torch.nn.Linear) else type(layer) for layer in plain.layers
    ]
    for layer in noisy_layers(network):
        bound = layer.in_features**-0.5
        for mean, sigma in ((layer.weight, layer.weight_sigma), (layer.bias, layer.bias_sigma)):
            assert torch.all(sigma == 0.5 * bound)
            assert 0.3 * bound < mean.abs().amax() <= bound
    assert network.layers.output.weight.std().item() == pytest.approx(128**-0.5 / 3**0.5, rel=0.1)


@pytest.mark.parametrize("double", [False, True])
def test_each_pass_of_an_update_has_noise_of_its_own(double, monkeypatch):
    """As in algorithm 1: for the value, for the target, and for the choice of Double DQN; one for all of a batch."""
    drawn = []
    draw = torch.randn

    def record(*size, **options):
        if len(size) == 2:
            drawn.append(draw(*size, **options))
            return drawn[-1]
        return draw(*size, **options)

    agent = agent_for(f"agent={'ddqn' if double else 'dqn'}", "agent.noisy=true")
    batch = random_batch()
    before = {name: p.clone() for name, p in agent.network.named_parameters()}
    monkeypatch.setattr(torch, "randn", record)
    agent.update(batch)
    passes = 3 if double else 2
    assert [len(numbers) for numbers in drawn] == [1] * (3 * passes)  # for inputs and outputs of three layers
    assert len({numbers[0, 0].item() for numbers in drawn}) == len(drawn)
    moved = [name for name, p in agent.network.named_parameters() if not torch.equal(p, before[name])]
    assert {"layers.hidden1.weight_sigma", "layers.output.bias_sigma"} <= set(moved)
    assert not any(layer.noisy for layer in noisy_layers(agent.network) + noisy_layers(agent.target))


def test_training_explores_by_noise_and_evaluation_has_none():
    config = compose_config(["env=CartPole", "agent.noisy=true", "env.num_envs=2"])
    games = make_envs(config.env, 2, (0, 0))
    agent = make_learner(config, games, CPU).agent
    assert agent.epsilon(0) == 0
    with torch.no_grad():
        agent.network.layers.output.weight_sigma.mul_(20)
    same = np.repeat(np.random.default_rng(0).normal(size=(1, 1, 4)).astype(np.float32), 200, 0)
    plain = agent.act(same, 0.0)
    assert len(set(plain.tolist())) == 1
    with agent.exploring():
        assert len(set(agent.act(same, 0.0).tolist())) == 2  # noise of its own for each observation
    assert np.array_equal(agent.act(same, 0.0), plain)


def test_it_acts_with_noise_while_it_learns_and_only_then(monkeypatch):
    config = compose_config(["env=CartPole", "agent.noisy=true", "agent.warmup=10", "agent.batch_size=4"])
    learner = make_learner(config, make_envs(config.env, 1, (0,)), CPU)
    noisy = []
    prefer = learner.agent.select_actions
    monkeypatch.setattr(
        learner.agent, "select_actions", lambda *a: noisy.append(learner.agent.noisy_layers[0].noisy) or prefer(*a)
    )
    while learner.warming_up:
        learner.warmup_step()
    assert noisy == []
    for step in range(20):
        learner.training_step(step, measure=False)
    assert noisy == [True] * 20
    learner.agent.act(learner.games.observations, 0.0)
    assert noisy[-1] is False
