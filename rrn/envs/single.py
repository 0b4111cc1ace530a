"""Play one copy of our environments as an ordinary environment of Gymnasium, with the observations of our agents."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from rrn.config import EnvConfig
from rrn.envs import make_envs
from rrn.envs.shape import EnvShape


class SingleEnv(gymnasium.Env):
    """One copy of Atari, MinAtar or a suite of one's own; observations [stack, *frame], rewards raw.

    Args:
        config: of the environment.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  # as Gymnasium declares it

    def __init__(self, config: EnvConfig):
        self.games = make_envs(config, 1, (0,))
        shape = EnvShape.of(self.games)
        size, dtype = (shape.stack, *shape.frame_shape), self.games.observations.dtype
        low, high = {"uint8": (0, 255), "bool": (0, 1)}.get(dtype.name, (-np.inf, np.inf))
        # MultiBinary has int8; a Box of bool keeps the type that our environments have
        self.observation_space = spaces.Box(low, high, size, dtype.type)
        self.action_space = spaces.Discrete(shape.num_actions)

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        """Start an episode; equal seeds and actions give equal episodes."""
        super().reset(seed=seed)
        key = int(self.np_random.integers(2**32)) if seed is None else seed
        return self.games.reset((key,))[0].copy(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        """Play one action; the episode has ended when the whole game has, not at the loss of a life."""
        step = self.games.step(np.array([action]))
        ended, cut = bool(step.done[0]), bool(step.truncated[0])
        observation = step.observations[0].copy()
        if ended:
            observation[-1] = step.final_frames[0]
        return observation, float(step.rewards[0]), ended and not cut, ended and cut, {}
