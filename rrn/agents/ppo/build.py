"""Make PPO and its learner from a configuration."""

from __future__ import annotations

from functools import partial
from typing import cast

import torch

from rrn.agents.ppo.agent import PPO
from rrn.agents.ppo.learner import PPOLearner
from rrn.agents.ppo.policy import make_head, outputs_of
from rrn.common.errors import UserError
from rrn.config import Config, PPOConfig
from rrn.envs import VectorEnv
from rrn.networks.base import Network, PolicyAndValue
from rrn.networks.build import lr_rational, make_network, make_networks
from rrn.networks.init import orthogonal


def make_agent(config: Config, games: VectorEnv, device: torch.device) -> PPO:
    """Make the agent of the configuration.

    Raises:
        UserError: observations that are pixels would be normalised.
    """
    c = cast(PPOConfig, config.agent)
    if c.normalise_observations and not games.frame_type.is_floating_point:
        raise UserError("agent.normalise_observations: expected false for pixels, which the network itself scales.")
    outputs, shape = outputs_of(games.action_space), (games.frame_shape, games.stack)
    if c.separate_value:
        networks = make_networks(config, *shape, [(outputs, partial(orthogonal, values=0)), (1, orthogonal)])
        network: Network = PolicyAndValue(*networks)
    else:
        network = make_network(config, *shape, outputs + 1, orthogonal)
    head = make_head(games.action_space, network)
    return PPO(c, network.to(device), head, games.frame_shape, config.seed, lr_rational(config))


def make_learner(config: Config, agent: PPO, games: VectorEnv) -> PPOLearner:
    """Make the learner that plays with an agent."""
    return PPOLearner(cast(PPOConfig, config.agent), agent, games, config.env.clip_rewards, config.steps)
