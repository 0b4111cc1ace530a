"""Run PQN: collect a rollout in all environments, then update on it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rrn.agents.pqn.agent import PQN
from rrn.agents.pqn.returns import lambda_returns
from rrn.agents.rollout import RolloutLearner
from rrn.common.eval_mode import eval_mode
from rrn.config import PQNConfig
from rrn.envs import Episode, VectorEnv


class PQNLearner(RolloutLearner):
    """Train PQN on its N environments."""

    agent: PQN

    def __init__(self, config: PQNConfig, agent: PQN, games: VectorEnv, clip_rewards: bool, steps: int):
        super().__init__(config, agent, games, clip_rewards, steps)
        self.config = config

    def training_step(self, step: int, measure: bool) -> list[Episode]:
        with eval_mode(self.agent.network):  # so that version D plays without its noise, as in DQN
            finished, returns = self._collect(step), self._returns()
        self.left = self.share_left(step)
        rollout = (self.observations.flatten(0, 1), self.actions.flatten(), returns.flatten())
        for measured in self.agent.update(*rollout, self.left, measure):
            self.log_values(measured)
        return finished

    def _collect(self, step: int) -> list[Episode]:
        """Play a rollout from `step` agent steps of training on, and return the episodes that ended."""
        finished: list[Episode] = []
        for t in range(self.config.rollout):
            observations = self.games.observations
            self.observations[t] = torch.from_numpy(observations)
            epsilon = self.agent.epsilon(step + t * self.games.num_envs)
            actions, values = self.agent.act_with_values(observations, epsilon)
            self.values[t] = self.agent.value(self.observations[t]) if values is None else values
            self.actions[t] = torch.from_numpy(actions)
            result = self.games.step(actions)
            rewards = torch.from_numpy(result.rewards.astype(np.float32))
            self.rewards[t] = rewards.clamp(-1, 1) if self.clip_rewards else rewards
            self.dones[t] = torch.from_numpy(result.terminated | result.truncated)
            cut = torch.from_numpy(result.truncated & ~result.terminated)
            if cut.any():  # bootstrap from the last observation of a truncated episode
                last = torch.cat((self.observations[t][cut, 1:], torch.from_numpy(result.final_frames)[cut, None]), 1)
                self.rewards[t][cut] += self.config.gamma * self.agent.value(last)
            finished += result.episodes
        return finished

    def _returns(self) -> Tensor:
        """Return the targets [T, N] of the rollout."""
        last_values = self.agent.value(torch.from_numpy(self.games.observations))
        rollout = (self.rewards, self.values, self.dones, last_values)
        return lambda_returns(*rollout, self.config.gamma, self.config.q_lambda)

    def schedules(self, step: int) -> dict[str, float]:
        return {"epsilon": self.agent.epsilon(step), "learning_rate": self.config.learning_rate * self.left}

    def progress_text(self, step: int) -> str:
        return f"eps {self.agent.epsilon(step):.2f}"
