"""Make an agent of Stable-Baselines3 and its learner from a configuration."""

from __future__ import annotations

import torch

from rrn.agents.sb3.agent import SB3Agent
from rrn.agents.sb3.learner import SB3Learner
from rrn.config import Config
from rrn.envs import VectorEnv


def make_agent(config: Config, games: VectorEnv, device: torch.device) -> SB3Agent:
    """Make the agent of the configuration."""
    return SB3Agent(config, games, device)


def make_learner(config: Config, agent: SB3Agent, games: VectorEnv) -> SB3Learner:
    """Make the learner that plays with an agent."""
    return SB3Learner(agent, games, config.steps)
