"""Make DQN and its learner from a configuration."""

from __future__ import annotations

from typing import cast

import torch

from rrn.agents.dqn.agent import DQN
from rrn.agents.dqn.learner import DQNLearner
from rrn.agents.dqn.loss import CategoricalQHead, ScalarQHead
from rrn.agents.dqn.noisy import make_noisy
from rrn.config import Config, DQNConfig
from rrn.config.settings import require
from rrn.envs import VectorEnv
from rrn.networks.build import lr_rational, make_network
from rrn.networks.init import xavier


def make_agent(config: Config, games: VectorEnv, device: torch.device) -> DQN:
    """Make the agent of the configuration.

    Raises:
        UserError: it augments observations that are no pictures.
    """
    c = cast(DQNConfig, config.agent)
    pictures = len(games.frame_shape) > 1
    for name in ("shift", "intensity"):
        value = getattr(c, name)
        require(pictures or not value, f"agent.{name}", "0 with observations that are no pictures", value)
    values: CategoricalQHead | ScalarQHead
    if c.distributional:
        values = CategoricalQHead(games.num_actions, c.dueling, c.value_range[0], c.value_range[1], c.atoms)
    else:
        values = ScalarQHead(games.num_actions, c.dueling)
    streams = values.streams if c.dueling_hidden else None
    network = make_network(config, games.frame_shape, games.stack, values.outputs, xavier, streams)
    if c.noisy:
        make_noisy(network, c.noisy_sigma)
    return DQN(c, network.to(device), values, config.seed, config.env.clip_rewards, lr_rational(config))


def make_learner(config: Config, agent: DQN, games: VectorEnv) -> DQNLearner:
    """Make the learner that plays with an agent."""
    return DQNLearner(cast(DQNConfig, config.agent), agent, games, getattr(config.env, "overlap", False))
