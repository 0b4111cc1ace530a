"""Play MinAtar, the small Atari-like games of Young and Tian (2019).

This needs the package `minatar`: `pip install rrn[minatar]`.
"""

from __future__ import annotations

import numpy as np
import torch

from rrn.common.extras import needs
from rrn.config import MinAtarConfig
from rrn.config.games import MINATAR_GAMES
from rrn.envs.base import VectorEnv


class MinAtarEnv(VectorEnv):
    """Step N copies of one game; observations [N, 1, channels, 10, 10] bool, one channel for each kind of object.

    All six actions are available, as in the authors' experiments, also those without effect in a game.

    Raises:
        MissingPackage: minatar is not installed.
    """

    frame_type = torch.bool
    stack = 1

    def __init__(self, config: MinAtarConfig, num_envs: int, seeds: tuple[int, ...], reseed_after: int = 0):
        super().__init__(num_envs, seeds)  # seeding is quick: each episode gets a seed
        with needs(f"env={config.name}", "minatar"):
            from minatar import Environment
        options = {"sticky_action_prob": config.sticky_actions, "difficulty_ramping": config.ramping}
        self.copies = [Environment(MINATAR_GAMES[config.name], **options) for _ in range(num_envs)]
        self.num_actions = self.copies[0].num_actions()
        self.step_cap = config.step_cap
        self.frame_shape = (self.copies[0].n_channels, 10, 10)
        self.current = np.zeros((num_envs, 1, *self.frame_shape), dtype=bool)
        self.reset()

    def reset_rows(self, rows: np.ndarray, seeds: list[int]) -> np.ndarray:
        for env, seed in zip(np.flatnonzero(rows), seeds, strict=True):
            copy = self.copies[env]
            copy.seed(seed)
            copy.last_action = 0  # a sticky first action would repeat it
            copy.reset()
            self.current[env, 0] = copy.state().transpose(2, 0, 1)
        return self.current.copy()

    def step_rows(self, actions: np.ndarray):
        rewards = np.zeros(self.num_envs, dtype=np.float32)
        terminated, truncated = np.zeros((2, self.num_envs), dtype=bool)
        for env, action in enumerate(actions):
            rewards[env], terminated[env] = self.copies[env].act(int(action))
            self.current[env, 0] = self.copies[env].state().transpose(2, 0, 1)
            truncated[env] = len(self.actions[env]) >= self.step_cap and not terminated[env]
        return self.current.copy(), rewards, terminated, truncated, terminated | truncated
