"""Make parallel environments from a configuration."""

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
    """Make N copies of the environment of the configuration.

    Args:
        config: of the environment.
        num_envs: N.
        seeds: key that all their seeds are derived from.
        reseed_after: agent steps after which the next episode of a copy is seeded; 0: each episode. Environments that
            are quick to seed seed each episode anyway.
    """
    return import_string(config.envs, f"env={config.name}")(config, num_envs, tuple(seeds), reseed_after)
