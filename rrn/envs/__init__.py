"""Environments: from a configuration to copies of a game."""

from __future__ import annotations

from collections.abc import Sequence

from rrn.config import AtariConfig, EnvConfig, MinAtarConfig
from rrn.envs.base import Game, Step, VectorGames

__all__ = ["Game", "Step", "VectorGames", "make_games"]


def make_games(config: EnvConfig, num_envs: int, seeds: Sequence[int], reseed_after: int = 0) -> VectorGames:
    """N copies of the game of the configuration.

    Args:
        config: of the environment.
        num_envs: N.
        seeds: the key that all their seeds come from.
        reseed_after: agent steps after which the next game of a copy is seeded; 0: each game. Those that are quick to
            seed always do that.
    """
    if isinstance(config, AtariConfig):
        from rrn.envs.atari import AtariGames

        return AtariGames(config, num_envs, tuple(seeds), reseed_after)
    if isinstance(config, MinAtarConfig):
        from rrn.envs.minatar import MinAtarGames

        return MinAtarGames(config, num_envs, tuple(seeds))
    from rrn.envs.gymnasium import CartPoleGames

    return CartPoleGames(num_envs, tuple(seeds))
