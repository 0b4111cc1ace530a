"""How PPO plays and learns: a rollout in all games, then the updates on it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rrn.agents.compression import compress, decompress
from rrn.agents.learner import Learner
from rrn.agents.ppo.agent import PPO, Samples, advantages
from rrn.common.device import CPU, require_memory
from rrn.common.eval_mode import evaluating
from rrn.config import PPOConfig
from rrn.envs import Game, VectorGames


class OnPolicy(Learner):
    """PPO and its games; T = config.rollout agent steps of each of N games make a rollout.

    Of the last rollout only the observations are kept, to show the activations; before the first, those of the start.
    """

    agent: PPO

    def __init__(self, config: PPOConfig, agent: PPO, games: VectorGames, clip_rewards: bool, steps: int):
        super().__init__()
        self.config, self.agent, self.games = config, agent, games
        self.clip_rewards, self.steps = clip_rewards, steps
        self.stride = config.rollout * games.num_envs
        shape = (config.rollout, games.num_envs)
        require_memory("agent.rollout", config.rollout, config.rollout * games.observations.nbytes, CPU)
        self.observations = torch.from_numpy(games.observations).repeat(config.rollout, *(1,) * games.observations.ndim)
        self.actions = torch.zeros(shape, dtype=torch.int64)
        self.log_probs, self.values, self.rewards = torch.zeros((3, *shape))
        self.over = torch.zeros(shape, dtype=torch.bool)
        self.left = 1.0  # of the learning rate and the clip range, in the last updates

    def advance(self, step: int, measure: bool) -> list[Game]:
        with evaluating(self.agent.network):  # so that version D plays without its noise, as in DQN
            finished, samples = self._collect(), self._samples()
        self.left = self._left(step) if self.config.anneal else 1.0
        for measured in self.agent.update(samples, self.left, measure):
            self.measured(measured)
        return finished

    def _left(self, step: int) -> float:
        """The share of the training that is left at a step; the learning rate and the clip range fall with it."""
        return max(1 - step / self.steps, 0.0)

    def _collect(self) -> list[Game]:
        finished: list[Game] = []
        for t in range(self.config.rollout):
            self.observations[t] = torch.from_numpy(self.games.observations)
            actions, self.log_probs[t], self.values[t] = self.agent.choose(self.observations[t])
            self.actions[t] = actions
            step = self.games.step(actions.numpy())
            rewards = torch.from_numpy(step.rewards.astype(np.float32))
            self.rewards[t] = rewards.clamp(-1, 1) if self.clip_rewards else rewards
            self.over[t] = torch.from_numpy(step.terminated | step.truncated)
            cut = torch.from_numpy(step.truncated & ~step.terminated)
            if cut.any():  # the value of what would have followed
                last = torch.cat((self.observations[t][cut, 1:], torch.from_numpy(step.final_frames)[cut, None]), 1)
                self.rewards[t][cut] += self.config.gamma * self.agent.value(last)
            finished += step.finished
        return finished

    def _samples(self) -> Samples:
        """The rollout, with advantages and returns."""
        config = self.config
        last_values = self.agent.value(torch.from_numpy(self.games.observations))
        estimates = advantages(self.rewards, self.values, self.over, last_values, config.gamma, config.gae_lambda)
        returns = estimates + self.values
        if returns.numel() > 1 and returns.var() > 0:
            self.measured({"explained_variance": 1 - (estimates.var() / returns.var()).item()})
        parts = (self.observations, self.actions, self.log_probs, self.values, estimates, returns)
        return Samples(*(part.flatten(0, 1) for part in parts))

    def recent(self, number: int, generator: torch.Generator) -> Tensor:
        seen = self.observations.flatten(0, 1)
        return seen[torch.randint(len(seen), (number,), generator=generator)]

    def settings(self, step: int) -> dict[str, float]:
        return {"learning_rate": self.config.learning_rate * self.left, "clip": self.config.clip * self.left}

    def note(self, step: int) -> str:
        return f"lr {self.settings(step)['learning_rate']:.1e}"

    def state_dict(self) -> dict:
        return {**super().state_dict(), "observations": compress(self.observations.flatten(0, 1))}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        decompress(state["observations"], self.observations.flatten(0, 1))
