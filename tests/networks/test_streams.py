"""Dueling with a hidden layer for each part (Wang et al. 2016, figure 1): the parts are apart, and all finds them."""

from __future__ import annotations

import pytest
import torch
from helpers.small_agents import CPU, agent_for, random_batch

from rrn.activations.rational import SharedRational
from rrn.activations.sites import named_activations
from rrn.agents import make_agent
from rrn.agents.dqn.noisy import NoisyLinear
from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.envs import make_envs

STREAMS = ("agent.dueling=true", "agent.dueling_hidden=true")


def test_each_part_has_a_hidden_layer_and_an_activation_of_its_own():
    agent = agent_for(*STREAMS, "act=rational", "act.share=[1,2,2]")
    layers = agent.network.layers
    sites = dict(named_activations(layers))
    assert list(sites) == ["act1", "output.advantages.act2", "output.value.act3"]
    assert isinstance(sites["output.value.act3"], SharedRational)  # act.share counts the third site
    assert agent.network.widths == (128, 128, 128)
    x = torch.randn(5, 1, 4)
    hidden = layers.act1(layers.hidden1(x.flatten(1)))
    parts = [
        part.output(act(part.hidden2(hidden)))
        for part, act in zip(
            (layers.output.advantages, layers.output.value),
            (layers.output.advantages.act2, layers.output.value.act3),
            strict=True,
        )
    ]
    assert [part.shape[1] for part in parts] == [2, 1]
    assert torch.allclose(agent.network(x), torch.cat(parts, 1))
    q = parts[1] + parts[0] - parts[0].mean(1, keepdim=True)
    assert torch.allclose(agent.values.q(agent.network(x)), q, atol=1e-6)


def test_the_last_layers_have_gain_1_and_all_of_it_learns():
    agent = agent_for(*STREAMS, "act=recurrent_rational")
    for part, outputs in (("advantages", 2), ("value", 1)):
        for name, gain, size in (("hidden2", 2**0.5, 256), ("output", 1, 128 + outputs)):
            weight = agent.network.layers.output[part].get_submodule(name).weight
            assert weight.abs().max().item() == pytest.approx(gain * (6 / size) ** 0.5, rel=0.05)
    before = {name: value.clone() for name, value in agent.network.named_parameters()}
    agent.update(random_batch())
    assert all(not torch.equal(before[name], value) for name, value in agent.network.named_parameters())
    agent.copy_target()
    assert all(torch.equal(a, b) for a, b in zip(agent.target.parameters(), agent.network.parameters(), strict=True))


@pytest.mark.parametrize("act", ["crelu", "maxout", "recurrent_rational"])
@pytest.mark.parametrize("network", ["nature", "small", "minatar", "mlp"])
def test_all_chains_can_be_split_with_norms_noise_and_distributions(network, act):
    env = "MinAtar-Breakout" if network == "minatar" else "CartPole" if network == "mlp" else "Pong"
    words = [*STREAMS, f"network={network}", "network.norm=layer", "agent.noisy=true", "agent.distributional=true"]
    config = compose_config([f"env={env}", f"act={act}", *words])
    games = make_envs(config.env, 2, (0,))
    agent = make_agent(config, games, CPU)
    for part in agent.network.layers.output.values():
        assert [name.rstrip("0123456789") for name, _ in part.named_children()] == ["hidden", "norm", "act", "output"]
        assert isinstance(part.output, NoisyLinear)
    outputs = agent.forward(torch.from_numpy(games.observations))
    assert outputs.shape == (2, (games.num_actions + 1) * 51)
    assert agent.values.q(outputs).shape == (2, games.num_actions)


def test_what_cannot_be_split_is_refused():
    with pytest.raises(UserError, match=r"agent\.dueling_hidden: expected false with network=impala"):
        agent_for("env=Pong", *STREAMS, "network=impala")
    with pytest.raises(UserError, match=r"agent\.dueling_hidden: expected false without dueling"):
        agent_for("agent.dueling_hidden=true")
