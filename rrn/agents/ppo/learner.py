"""Run PPO: collect a rollout in all environments, then update on it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rrn.agents.ppo.agent import PPO, RolloutBatch
from rrn.agents.ppo.gae import gae
from rrn.agents.ppo.normalise import scaled
from rrn.agents.rollout import RolloutLearner
from rrn.common.eval_mode import eval_mode
from rrn.config import PPOConfig
from rrn.envs import Episode, VectorEnv


class PPOLearner(RolloutLearner):
    """Train PPO on its N environments."""

    agent: PPO

    def __init__(self, config: PPOConfig, agent: PPO, games: VectorEnv, clip_rewards: bool, steps: int):
        super().__init__(config, agent, games, clip_rewards, steps)
        self.config = config
        self.log_probs = torch.zeros_like(self.values)
        # discounted, backwards in time, for their scale
        self.returns = torch.zeros(games.num_envs, dtype=torch.float64)

    def training_step(self, step: int, measure: bool) -> list[Episode]:
        with eval_mode(self.agent.network):  # so that version D plays without its noise, as in DQN
            finished, samples = self._collect(), self._samples()
        self.left = self.share_left(step)
        for measured in self.agent.update(samples, self.left, measure):
            self.log_values(measured)
        return finished

    def _collect(self) -> list[Episode]:
        finished: list[Episode] = []
        for t in range(self.config.rollout):
            self.observations[t] = self._seen(torch.from_numpy(self.games.observations))
            actions, self.log_probs[t], self.values[t] = self.agent.sample_actions(self.observations[t])
            self.actions[t] = actions
            step = self.games.step(actions.numpy())
            rewards = torch.from_numpy(step.rewards.astype(np.float32))
            self.dones[t] = torch.from_numpy(step.terminated | step.truncated)
            self.rewards[t] = self._learned_from(rewards, self.dones[t])
            cut = torch.from_numpy(step.truncated & ~step.terminated)
            if np.count_nonzero(cut):  # bootstrap from the last observation of a truncated episode
                final = self.agent.normalise(torch.from_numpy(step.final_frames)[cut, None])
                last = torch.cat((self.observations[t][cut, 1:], final), 1)
                self.rewards[t][cut] += self.config.gamma * self.agent.value(last)
            finished += step.episodes
        return finished

    def _seen(self, observations: Tensor) -> Tensor:
        """Count the newest frames of observations [N, stack, *frame], if they are normalised, and normalise them."""
        if self.agent.observed is not None:
            self.agent.observed.update(observations[:, -1])
        return self.agent.normalise(observations)

    def _learned_from(self, rewards: Tensor, dones: Tensor) -> Tensor:
        """Return the rewards [N] to learn from; `dones` [N] are the ends of episodes."""
        if self.agent.returned is None:
            return rewards.clamp(-1, 1) if self.clip_rewards else rewards
        self.returns = self.returns * self.config.gamma + rewards
        self.agent.returned.update(self.returns)
        self.returns[dones] = 0
        return scaled(rewards, self.agent.returned)

    def _samples(self) -> RolloutBatch:
        """Return the rollout, flattened to [T * N], with advantages and returns."""
        config = self.config
        last_values = self.agent.value(self.agent.normalise(torch.from_numpy(self.games.observations)))
        advantages = gae(self.rewards, self.values, self.dones, last_values, config.gamma, config.gae_lambda)
        returns = advantages + self.values
        if returns.numel() > 1 and returns.var() > 0:
            self.log_values({"explained_variance": 1 - (advantages.var() / returns.var()).item()})
        return RolloutBatch(
            observations=self.observations.flatten(0, 1),
            actions=self.actions.flatten(0, 1),
            log_probs=self.log_probs.flatten(),
            values=self.values.flatten(),
            advantages=advantages.flatten(),
            returns=returns.flatten(),
        )

    def schedules(self, step: int) -> dict[str, float]:
        return {"learning_rate": self.config.learning_rate * self.left, "clip": self.config.clip * self.left}

    def progress_text(self, step: int) -> str:
        return f"lr {self.schedules(step)['learning_rate']:.1e}"

    def state_dict(self) -> dict:
        returns = {} if self.agent.returned is None else {"returns": self.returns}
        return {**super().state_dict(), **returns}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        if self.agent.returned is not None and not self.games.anew:
            self.returns = state["returns"]
