"""Agents: from a configuration to an agent with its network and activations, ready to learn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch

from rrn.activations.registry import make_activations
from rrn.agents.base import Agent
from rrn.agents.dqn.agent import DQN
from rrn.agents.dqn.heads import Distribution, Expected
from rrn.agents.dqn.learner import OffPolicy
from rrn.agents.dqn.noisy import make_noisy
from rrn.agents.learner import Learner
from rrn.agents.ppo.agent import PPO
from rrn.agents.ppo.learner import OnPolicy
from rrn.common.errors import UserError
from rrn.config import Config, RationalConfig
from rrn.envs import VectorGames
from rrn.networks.base import NETWORKS, Network, orthogonal, xavier


def _dqn(config: Config, games: VectorGames, device: torch.device) -> DQN:
    c = config.agent
    if c.distributional:
        values = Distribution(games.num_actions, c.dueling, *c.value_range, c.atoms)
    else:
        values = Expected(games.num_actions, c.dueling)
    network = make_network(config, games, values.outputs, xavier)
    if c.noisy:
        make_noisy(network)
    return DQN(c, network.to(device), values, config.seed, config.env.clip_rewards, lr_rational(config))


def _learn_dqn(config: Config, agent: DQN, games: VectorGames) -> OffPolicy:
    return OffPolicy(config.agent, agent, games, getattr(config.env, "overlap", False))


def _ppo(config: Config, games: VectorGames, device: torch.device) -> PPO:
    network = make_network(config, games, games.num_actions + 1, orthogonal).to(device)
    return PPO(config.agent, network, config.seed, lr_rational(config))


def _learn_ppo(config: Config, agent: PPO, games: VectorGames) -> OnPolicy:
    return OnPolicy(config.agent, agent, games, config.env.clip_rewards, config.steps)


def _sb3(config: Config, games: VectorGames, device: torch.device) -> Agent:
    from rrn.agents.sb3.agent import SB3Agent  # slow to import

    return SB3Agent(config, games, device)


def _learn_sb3(config: Config, agent: Agent, games: VectorGames) -> Learner:
    from rrn.agents.sb3.agent import SB3Learner

    return SB3Learner(agent, games, config.steps)


AGENTS: dict[str, tuple[Callable[..., Agent], Callable[..., Learner]]] = {
    "dqn": (_dqn, _learn_dqn),
    "ddqn": (_dqn, _learn_dqn),
    "ppo": (_ppo, _learn_ppo),
    "sb3_dqn": (_sb3, _learn_sb3),
    "sb3_ppo": (_sb3, _learn_sb3),
}


def make_agent(config: Config, games: VectorGames, device: torch.device) -> Agent:
    """The agent of the configuration, its network initialised from torch's global generator."""
    return AGENTS[config.agent.name][0](config, games, device)


def make_learner(config: Config, games: VectorGames, device: torch.device) -> Learner:
    """The same agent with what it needs to play these games and learn from them."""
    return AGENTS[config.agent.name][1](config, make_agent(config, games, device), games)


def lr_rational(config: Config) -> float | None:
    """Learning rate of the coefficients of rationals, None for that of the weights."""
    return getattr(config.act, "lr", None)


def activation_options(config: Config) -> dict:
    """The options of the activations that are a matter of the network."""
    others = ("name", "lr", "delay", "from_run")
    options = {key: value for key, value in dataclasses.asdict(config.act).items() if key not in others}
    if isinstance(config.act, RationalConfig):
        options["trainable"] &= config.act.from_run is None
    return options


def make_network(
    config: Config, games: VectorGames, outputs: int, initialise: Callable[[Network], None] = xavier
) -> Network:
    """A network for these games with the activations of the configuration and so many outputs, on the CPU.

    Raises:
        UserError: options of the activation that do not fit the network.
    """
    kind = NETWORKS[len(games.frame_shape)]
    options = activation_options(config)
    if isinstance(config.act, RationalConfig):
        options["channels"] = kind.widths
    try:
        activations = make_activations(config.act.name, len(kind.widths), **options)
    except ValueError as error:
        raise UserError(f"act: {error}") from error
    network = kind(games.frame_shape, games.stack, outputs, activations)
    initialise(network)
    return network
