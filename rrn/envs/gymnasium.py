"""Play CartPole-v1 of Gymnasium, for tests and first steps."""

from __future__ import annotations

import gymnasium
import numpy as np
import torch

from rrn.config import EnvConfig
from rrn.envs.base import VectorEnv


class CartPoleEnv(VectorEnv):
    """Step N copies of CartPole-v1; observations [N, 1, 4] float32; at most 500 steps an episode."""

    frame_shape = (4,)
    frame_type = torch.float32
    stack = 1
    num_actions = 2

    def __init__(self, config: EnvConfig, num_envs: int, seeds: tuple[int, ...], reseed_after: int = 0):
        super().__init__(num_envs, seeds)  # seeding is quick: each episode gets a seed
        self.copies = [gymnasium.make("CartPole-v1") for _ in range(num_envs)]
        self.current = np.zeros((num_envs, 1, 4), dtype=np.float32)
        self.reset()

    def reset_rows(self, rows: np.ndarray, seeds: list[int]) -> np.ndarray:
        for env, seed in zip(np.flatnonzero(rows), seeds, strict=True):
            self.current[env, 0] = self.copies[env].reset(seed=seed)[0]
        return self.current.copy()

    def step_rows(self, actions: np.ndarray):
        rewards = np.zeros(self.num_envs, dtype=np.float32)
        terminated, truncated = np.zeros((2, self.num_envs), dtype=bool)
        for env, action in enumerate(actions):
            self.current[env, 0], rewards[env], terminated[env], truncated[env], _ = self.copies[env].step(int(action))
        return self.current.copy(), rewards, terminated, truncated, terminated | truncated
