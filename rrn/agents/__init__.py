"""Agents: from a configuration to an agent with its network and activations, ready to learn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import nn

from rrn.activations.registry import make_activations
from rrn.agents.agent import Agent
from rrn.agents.dqn import DQN
from rrn.agents.learner import Learner
from rrn.agents.networks import NETWORKS, orthogonal, xavier
from rrn.agents.off_policy import OffPolicy
from rrn.agents.on_policy import OnPolicy
from rrn.agents.ppo import PPO
from rrn.config import ActConfig, Config, RationalConfig
from rrn.envs import VectorGames
from rrn.errors import UserError


def _dqn(config: Config, games: VectorGames, device: torch.device) -> DQN:
    network = network_maker(config.act, games, games.num_actions, xavier)
    return DQN(config.agent, network, config.seed, device, config.env.clip_rewards, lr_rational(config))


def _learn_dqn(config: Config, agent: DQN, games: VectorGames) -> OffPolicy:
    return OffPolicy(config.agent, agent, games, getattr(config.env, "overlap", False))


def _ppo(config: Config, games: VectorGames, device: torch.device) -> PPO:
    network = network_maker(config.act, games, games.num_actions + 1, orthogonal)
    return PPO(config.agent, network, config.seed, device, lr_rational(config))


def _learn_ppo(config: Config, agent: PPO, games: VectorGames) -> OnPolicy:
    return OnPolicy(config.agent, agent, games, config.env.clip_rewards, config.steps)


AGENTS: dict[str, tuple[Callable[..., Agent], Callable[..., Learner]]] = {
    "dqn": (_dqn, _learn_dqn),
    "ddqn": (_dqn, _learn_dqn),
    "ppo": (_ppo, _learn_ppo),
}


def make_agent(config: Config, games: VectorGames, device: torch.device) -> Agent:
    """The agent of the configuration, its network initialised from torch's global generator."""
    return AGENTS[config.agent.name][0](config, games, device)


def make_learner(config: Config, games: VectorGames, device: torch.device) -> Learner:
    """The same agent with what it needs to play these games and learn."""
    return AGENTS[config.agent.name][1](config, make_agent(config, games, device), games)


def lr_rational(config: Config) -> float | None:
    """Learning rate of the coefficients of rationals, None for that of the weights."""
    return getattr(config.act, "lr", None)


def network_maker(
    act: ActConfig, games: VectorGames, outputs: int, initialise: Callable[[nn.Module], None] = xavier
) -> Callable[[], nn.Module]:
    """A function that makes a network for these games with these activations and so many outputs."""
    others = ("name", "lr", "delay", "from_run")
    options = {key: value for key, value in dataclasses.asdict(act).items() if key not in others}
    network = NETWORKS[len(games.frame_shape)]
    if isinstance(act, RationalConfig):
        options["channels"] = network.widths
        options["trainable"] &= act.from_run is None

    def make() -> nn.Module:
        try:
            activations = make_activations(act.name, len(network.widths), **options)
        except ValueError as error:
            raise UserError(f"act: {error}") from error
        made = network(games.frame_shape, games.stack, outputs, activations)
        initialise(made)
        return made

    return make
