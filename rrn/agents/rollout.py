"""Keep what agents that learn from rollouts have in common: its buffers, its observations in checkpoints, annealing."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from rrn.agents.base import Agent
from rrn.agents.compression import compress, decompress
from rrn.agents.learner import Learner
from rrn.common.device import CPU, require_memory
from rrn.envs import VectorEnv


class RolloutConfig(Protocol):
    """Settings that such an agent has."""

    rollout: int
    anneal: bool


class RolloutLearner(Learner):
    """Base class of learners with rollouts of T = config.rollout agent steps in each of N environments.

    A checkpoint keeps the observations of the last rollout, to show the activations; before the first rollout these
    are the initial ones.

    Attributes:
        left: share of the learning rate, and of what else is annealed, that the last updates used.
    """

    def __init__(self, config: RolloutConfig, agent: Agent, games: VectorEnv, clip_rewards: bool, steps: int):
        super().__init__()
        self.agent, self.games = agent, games
        self.anneal, self.clip_rewards, self.steps = config.anneal, clip_rewards, steps
        self.steps_per_call = config.rollout * games.num_envs
        shape, space = (config.rollout, games.num_envs), games.action_space
        require_memory("agent.rollout", config.rollout, config.rollout * games.observations.nbytes, CPU)
        self.observations = torch.from_numpy(games.observations).repeat(config.rollout, *(1,) * games.observations.ndim)
        self.actions = torch.zeros((*shape, *space.shape), dtype=space.tensor_type)
        self.values, self.rewards = torch.zeros((2, *shape))
        self.dones = torch.zeros(shape, dtype=torch.bool)
        self.left = 1.0

    def share_left(self, step: int) -> float:
        """Return the share of training left after `step` agent steps; 1 without annealing."""
        return max(1 - step / self.steps, 0.0) if self.anneal else 1.0

    def sample_observations(self, number: int, generator: torch.Generator) -> Tensor:
        seen = self.observations.flatten(0, 1)
        return seen[torch.randint(len(seen), (number,), generator=generator)]

    def state_dict(self) -> dict:
        return {**super().state_dict(), "observations": compress(self.observations.flatten(0, 1))}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        decompress(state["observations"], self.observations.flatten(0, 1))
