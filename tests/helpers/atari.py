"""Atari games, and random actions for them."""

from __future__ import annotations

import numpy as np

from rrn.config.compose import compose_config
from rrn.envs import make_envs


def games_of(name, copies=2, seeds=(7,), reseed_after=0, **options):
    config = compose_config([f"env={name}", *(f"env.{key}={value}" for key, value in options.items())])
    return make_envs(config.env, copies, seeds, reseed_after)


def random_actions(games, steps, seed=0):
    return np.random.default_rng(seed).integers(0, games.num_actions, (steps, games.num_envs))
