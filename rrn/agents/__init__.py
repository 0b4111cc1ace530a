"""Agents: from a configuration to an agent with its network and activations, ready to learn."""

from __future__ import annotations

import torch

from rrn.agents.base import Agent
from rrn.agents.learner import Learner
from rrn.common.imports import import_string
from rrn.config import Config
from rrn.envs import VectorEnv


def make_agent(config: Config, games: VectorEnv, device: torch.device) -> Agent:
    """Make the agent of the configuration, its network initialised from torch's global generator."""
    return import_string(f"{config.agent.build}:make_agent", f"agent={config.agent.name}")(config, games, device)


def make_learner(config: Config, games: VectorEnv, device: torch.device) -> Learner:
    """Make the agent of the configuration with what it needs to play these games and learn from them."""
    agent = make_agent(config, games, device)
    return import_string(f"{config.agent.build}:make_learner")(config, agent, games)
