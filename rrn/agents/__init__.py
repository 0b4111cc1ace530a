"""Agents: from a configuration to an agent with its network and activations, ready to learn."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import torch

from rrn.agents.base import Agent
from rrn.agents.learner import Learner
from rrn.common.extras import needs
from rrn.config import Config
from rrn.envs import VectorGames

AGENTS = {  # the module of each with make_agent and make_learner, imported when it is chosen
    "dqn": "rrn.agents.dqn.build",
    "ddqn": "rrn.agents.dqn.build",
    "ppo": "rrn.agents.ppo.build",
    "sb3_dqn": "rrn.agents.sb3.build",
    "sb3_ppo": "rrn.agents.sb3.build",
}


def make_agent(config: Config, games: VectorGames, device: torch.device) -> Agent:
    """Make the agent of the configuration, its network initialised from torch's global generator."""
    return _module(config).make_agent(config, games, device)


def make_learner(config: Config, games: VectorGames, device: torch.device) -> Learner:
    """Make the same agent with what it needs to play these games and learn from them."""
    return _module(config).make_learner(config, make_agent(config, games, device), games)


def _module(config: Config) -> ModuleType:
    module = AGENTS[config.agent.name]
    if not module.startswith("rrn.agents.sb3."):
        return import_module(module)
    with needs(f"agent={config.agent.name}", "sb3"):
        return import_module(module)
