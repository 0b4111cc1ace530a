"""Environments: from a configuration to copies of a game."""

from __future__ import annotations

from collections.abc import Sequence

from rrn.common.imports import import_string
from rrn.common.renamed import renamed
from rrn.config import EnvConfig
from rrn.envs.base import Episode, Step, VectorEnv

__getattr__ = renamed(
    __name__,
    {
        "Game": "rrn.envs.base:Episode",
        "VectorGames": "rrn.envs.base:VectorEnv",
        "make_games": "rrn.envs:make_envs",
    },
)
__all__ = ["Episode", "Step", "VectorEnv", "make_envs"]


def make_envs(config: EnvConfig, num_envs: int, seeds: Sequence[int], reseed_after: int = 0) -> VectorEnv:
    """N copies of the game of the configuration.

    Args:
        config: of the environment.
        num_envs: N.
        seeds: the key that all their seeds come from.
        reseed_after: agent steps after which the next game of a copy is seeded; 0: each game. Those that are quick to
            seed always do that.
    """
    return import_string(config.envs, f"env={config.name}")(config, num_envs, tuple(seeds), reseed_after)
