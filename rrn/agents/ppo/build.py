"""Make PPO and its learner from a configuration."""

from __future__ import annotations

from typing import cast

import torch

from rrn.agents.ppo.agent import PPO
from rrn.agents.ppo.learner import PPOLearner
from rrn.config import Config, PPOConfig
from rrn.envs import VectorEnv
from rrn.networks.build import lr_rational, make_network
from rrn.networks.init import orthogonal


def make_agent(config: Config, games: VectorEnv, device: torch.device) -> PPO:
    """Make the agent of the configuration."""
    network = make_network(config, games.frame_shape, games.stack, games.num_actions + 1, orthogonal).to(device)
    return PPO(cast(PPOConfig, config.agent), network, config.seed, lr_rational(config))


def make_learner(config: Config, agent: PPO, games: VectorEnv) -> PPOLearner:
    """Make the learner that plays with an agent."""
    return PPOLearner(cast(PPOConfig, config.agent), agent, games, config.env.clip_rewards, config.steps)
