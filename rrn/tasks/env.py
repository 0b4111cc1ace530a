"""Supervised tasks in the form of an environment: it shows inputs, and rewards the right label."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch

from rrn.config.task import TaskConfig
from rrn.envs.base import VectorEnv
from rrn.tasks.data import Examples, load_examples
from rrn.tasks.sequence import num_classes, task_of


class TaskEnv(VectorEnv):
    """Show the examples of a task, one at each step of each copy; an action is a label, the reward 1 if it is right.

    An episode is a pass over all examples, in an order of its seed, so that its score is their number that was right.
    A classifier learns from `examples` instead.

    Attributes:
        task: number of the task, from 0.
    """

    frame_type = torch.float32
    stack = 1

    def __init__(self, config: TaskConfig, num_envs: int, seeds: Sequence[int], reseed_after: int = 0):
        super().__init__(num_envs, seeds)
        self.config, self.task = config, 0
        self.data = load_examples(config)
        self.frame_shape = self.data.inputs.shape[1:]
        self.num_actions = num_classes(config, self.data)
        self.examples = lru_cache(2)(lambda task: task_of(config, self.data, task))
        self.observations = np.zeros((num_envs, 1, *self.frame_shape), dtype=np.float32)
        self.orders: list[np.ndarray] = [np.zeros(0, dtype=int)] * num_envs  # of the examples that are still to come
        self.reset()

    def at_step(self, step: int) -> None:
        """Show the task of the update before `step` from the next episode on."""
        self.task = max(step - 1, 0) // self.config.task_steps

    def current(self) -> Examples:
        """Return the examples of the current task."""
        return self.examples(self.task)

    def reset_rows(self, rows: np.ndarray, seeds: list[int]) -> np.ndarray:
        for env, seed in zip(np.flatnonzero(rows), seeds, strict=True):
            self.orders[env] = np.random.default_rng(seed).permutation(len(self.current().labels))
        return self._shown()

    def step_rows(self, actions: np.ndarray):
        right = np.array([self.current().labels[order[0]] for order in self.orders]) == actions
        over = np.array([len(order) == 1 for order in self.orders])
        self.orders = [order if last else order[1:] for order, last in zip(self.orders, over, strict=True)]
        return self._shown(), right.astype(np.float32), over, np.zeros_like(over), over

    def _shown(self) -> np.ndarray:
        return np.stack([self.current().inputs[order[:1]] for order in self.orders])
