"""Agents for CartPole, and random transitions for them to learn from."""

from __future__ import annotations

import torch

from rrn.agents import make_agent
from rrn.agents.dqn.replay import TransitionBatch
from rrn.config.compose import compose_config
from rrn.envs import make_envs

CPU = torch.device("cpu")


def agent_for(*overrides):
    """An agent for CartPole."""
    config = compose_config(["env=CartPole", *overrides])
    return make_agent(config, make_envs(config.env, 1, (0,)), CPU)


def random_batch(size=16, n_step=1, seed=0):
    """Transitions of up to n_step steps, with rewards after the last that are 0."""
    generator = torch.Generator().manual_seed(seed)
    states, next_states = torch.randn(2, size, 1, 4, generator=generator)
    steps = torch.randint(1, n_step + 1, (size,), generator=generator)
    return TransitionBatch(
        states,
        torch.randint(2, (size,), generator=generator),
        torch.randn(size, n_step, generator=generator) * 3 * (torch.arange(n_step) < steps[:, None]),
        next_states,
        steps,
        torch.rand(size, generator=generator) < 0.3,
    )
