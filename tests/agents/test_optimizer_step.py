"""The optimiser step of all agents."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rrn.agents import make_agent
from rrn.common.device import CPU
from rrn.config.compose import compose_config
from rrn.envs import make_envs


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_gradients_are_clipped_to_the_bits_of_torch(scale):
    config = compose_config(["env=CartPole", "agent=dqn"])
    agent = make_agent(config, make_envs(config.env, 1, (0,)), CPU)
    observations = torch.randn(8, 1, 4, generator=torch.Generator().manual_seed(0))
    (agent.network(observations).square().mean() * scale).backward()
    norm = nn.utils.clip_grad_norm_(agent.network.parameters(), 0.5)
    wanted = [parameter.grad.clone() for parameter in agent.network.parameters()]
    loss = agent.network(observations).square().mean() * scale
    assert agent.optimizer_step(loss, 0.5, False) == {"gradient_norm": norm.item()}
    assert all(torch.equal(p.grad, grad) for p, grad in zip(agent.network.parameters(), wanted, strict=True))
