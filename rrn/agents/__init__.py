"""Make an agent, with its network and activations, and its learner from a configuration."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from rrn.agents.base import Agent
from rrn.agents.learner import Learner, Stack
from rrn.common.errors import UserError
from rrn.common.imports import import_string
from rrn.config import AGENTS, Config
from rrn.envs import VectorEnv
from rrn.envs.shape import EnvShape


def make_agent(config: Config, games: VectorEnv | EnvShape, device: torch.device) -> Agent:
    """Make the agent of the configuration, its network initialised from torch's global generator.

    Raises:
        UserError: it cannot take the actions of the environment.
    """
    if games.action_space.kind not in config.agent.action_kinds:
        taken = [name for name, kind in AGENTS.items() if games.action_space.kind in kind.action_kinds]
        raise UserError(
            f"agent={config.agent.name}: expected an environment with {' or '.join(config.agent.action_kinds)} "
            f"actions, {config.env.name} has {games.action_space.kind} ones; set agent={' or '.join(taken)}."
        )
    return import_string(f"{config.agent.build}:make_agent", f"agent={config.agent.name}")(config, games, device)


def make_stack(learners: Sequence[Learner], config: Config) -> Stack:
    """Join learners of a `stackable` agent, of this configuration but for the seed, to train as one program."""
    return import_string(f"{config.agent.build}:make_stack")(learners)


def make_learner(config: Config, games: VectorEnv, device: torch.device) -> Learner:
    """Make the agent of the configuration and the learner that plays these environments with it."""
    agent = make_agent(config, games, device)
    return import_string(f"{config.agent.build}:make_learner")(config, agent, games)
