"""Run PQN: collect a rollout in all environments, then update on it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rrn.agents.compression import compress, decompress
from rrn.agents.learner import Learner
from rrn.agents.pqn.agent import PQN
from rrn.agents.pqn.returns import lambda_returns
from rrn.common.device import CPU, require_memory
from rrn.common.eval_mode import eval_mode
from rrn.config import PQNConfig
from rrn.envs import Episode, VectorEnv


class PQNLearner(Learner):
    """Train PQN on its N environments, with rollouts of T = config.rollout agent steps each.

    A checkpoint keeps the observations of the last rollout, to show the activations; before the first rollout these
    are the initial ones.
    """

    agent: PQN

    def __init__(self, config: PQNConfig, agent: PQN, games: VectorEnv, clip_rewards: bool, steps: int):
        super().__init__()
        self.config, self.agent, self.games = config, agent, games
        self.clip_rewards, self.steps = clip_rewards, steps
        self.steps_per_call = config.rollout * games.num_envs
        shape = (config.rollout, games.num_envs)
        require_memory("agent.rollout", config.rollout, config.rollout * games.observations.nbytes, CPU)
        self.observations = torch.from_numpy(games.observations).repeat(config.rollout, *(1,) * games.observations.ndim)
        self.actions = torch.zeros(shape, dtype=torch.int64)
        self.values, self.rewards = torch.zeros((2, *shape))
        self.dones = torch.zeros(shape, dtype=torch.bool)
        self.left = 1.0  # share of the learning rate used by the last updates

    def training_step(self, step: int, measure: bool) -> list[Episode]:
        with eval_mode(self.agent.network):  # so that version D plays without its noise, as in DQN
            finished, returns = self._collect(step), self._returns()
        self.left = max(1 - step / self.steps, 0.0) if self.config.anneal else 1.0
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

    def sample_observations(self, number: int, generator: torch.Generator) -> Tensor:
        seen = self.observations.flatten(0, 1)
        return seen[torch.randint(len(seen), (number,), generator=generator)]

    def schedules(self, step: int) -> dict[str, float]:
        return {"epsilon": self.agent.epsilon(step), "learning_rate": self.config.learning_rate * self.left}

    def progress_text(self, step: int) -> str:
        return f"eps {self.agent.epsilon(step):.2f}"

    def state_dict(self) -> dict:
        return {**super().state_dict(), "observations": compress(self.observations.flatten(0, 1))}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        decompress(state["observations"], self.observations.flatten(0, 1))
