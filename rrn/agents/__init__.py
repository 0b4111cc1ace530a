"""Agents: from a configuration to an agent with its network and activations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import nn

from rrn.activations.registry import make_activations
from rrn.agents.dqn import DQN
from rrn.agents.networks import ATARI_WIDTHS, VECTOR_WIDTHS, AtariNetwork, VectorNetwork
from rrn.config import ActConfig, Config, RationalConfig
from rrn.envs import VectorGames
from rrn.errors import UserError

AGENTS = {"dqn": DQN, "ddqn": DQN}


def make_agent(config: Config, games: VectorGames, device: torch.device) -> DQN:
    """The agent of the configuration, its network initialised from torch's global generator."""
    make = AGENTS[config.agent.name]
    network, lr_rational = network_maker(config.act, games), getattr(config.act, "lr", None)
    return make(config.agent, network, config.seed, device, config.env.clip_rewards, lr_rational)


def network_maker(act: ActConfig, games: VectorGames) -> Callable[[], nn.Module]:
    """A function that makes a Q-network for these games with these activations."""
    others = ("name", "lr", "delay", "from_run")
    options = {key: value for key, value in dataclasses.asdict(act).items() if key not in others}
    pixels = len(games.frame_shape) > 1
    network, widths = (AtariNetwork, ATARI_WIDTHS) if pixels else (VectorNetwork, VECTOR_WIDTHS)
    if isinstance(act, RationalConfig):
        options["channels"] = widths
        options["trainable"] &= act.from_run is None

    def make() -> nn.Module:
        try:
            activations = make_activations(act.name, len(widths), **options)
        except ValueError as error:
            raise UserError(f"act: {error}") from error
        return network(games.frame_shape, games.stack, games.num_actions, activations)

    return make
