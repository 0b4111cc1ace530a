"""Make PQN and its learner from a configuration."""

from __future__ import annotations

from typing import cast

import torch

from rrn.agents.pqn.agent import PQN
from rrn.agents.pqn.learner import PQNLearner
from rrn.config import Config, PQNConfig
from rrn.envs import VectorEnv
from rrn.networks.build import lr_rational, make_network
from rrn.networks.init import xavier


def make_agent(config: Config, games: VectorEnv, device: torch.device) -> PQN:
    """Make the agent of the configuration."""
    network = make_network(config, games.frame_shape, games.stack, games.num_actions, xavier).to(device)
    return PQN(cast(PQNConfig, config.agent), network, config.seed, lr_rational(config))


def make_learner(config: Config, agent: PQN, games: VectorEnv) -> PQNLearner:
    """Make the learner that plays with an agent."""
    return PQNLearner(cast(PQNConfig, config.agent), agent, games, config.env.clip_rewards, config.steps)
