"""Run DQN: act, store, sample, update, and copy to the target network, each as often as it is due."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rrn.agents.dqn.agent import DQN
from rrn.agents.dqn.replay import ReplayBuffer
from rrn.agents.learner import Learner
from rrn.common.device import CPU
from rrn.config import DQNConfig
from rrn.envs import Episode, Step, VectorEnv

SMALLEST_PRIORITY = 1e-6  # added to each error, so that every transition can be sampled again


class DQNLearner(Learner):
    """Train DQN on its environments, with a replay buffer.

    With `overlap`, the updates that are due after a step run while the emulator plays it. With or without, they do not
    see that step yet, so that `overlap` changes nothing but the time.
    """

    agent: DQN

    def __init__(self, config: DQNConfig, agent: DQN, games: VectorEnv, overlap: bool):
        super().__init__()
        self.config, self.agent, self.games, self.overlap = config, agent, games, overlap
        device = agent.device if config.replay_on_device else CPU
        shape = (games.num_envs, games.frame_shape, games.frame_type, games.stack)
        alpha = config.priority_alpha if config.prioritised else None
        self.replay = ReplayBuffer(config.replay_capacity, *shape, device, config.n_step, alpha, games.num_actions)
        self.steps_per_call = games.num_envs
        self.starting = np.ones(games.num_envs, dtype=bool)  # the observation is the first of a game
        self.warmed = 0  # agent steps of random play before training
        self.target_copies = 0

    @property
    def warming_up(self) -> str | None:
        if self.warmed >= self.config.warmup:
            return None
        return f"random play {self.warmed}/{self.config.warmup}"

    def warmup_step(self) -> int:
        observations = self.games.observations
        actions = self.agent.act(observations, epsilon=1.0)
        self._store(observations, actions, self.games.step(actions))
        self.warmed += self.steps_per_call
        return self.steps_per_call

    def training_step(self, step: int, measure: bool) -> list[Episode]:
        observations = self.games.observations
        with self.agent.exploring():
            actions = self.agent.act(observations, self.agent.epsilon(step))
        self.games.send(actions)
        result = None if self.overlap else self.games.receive()
        self._learn(step + self.steps_per_call, measure)
        result = result or self.games.receive()
        self._store(observations, actions, result)
        return result.episodes

    def _store(self, observations: np.ndarray, actions: np.ndarray, step: Step) -> None:
        self.replay.add(observations[:, -1], actions, step.rewards, step.terminated, self.starting)
        cut = np.flatnonzero(step.truncated & ~step.terminated)
        if len(cut):
            self.replay.add_final(cut, step.final_frames[cut])
        self.starting = step.done

    def _learn(self, step: int, measure: bool) -> None:
        """Do the updates and target copies that are due after `step` agent steps, which `step` alone decides."""
        config = self.config
        due = step // config.train_every * config.gradient_steps
        while self.agent.updates < due:
            last = self.agent.updates + 1 == due
            batch = self.replay.sample(config.batch_size, self.agent.generator, self.agent.beta(step))
            self.log_values(self.agent.update(batch, measure and last))
            if config.prioritised:
                self.replay.priorities.update(batch.rows, self.agent.errors.cpu() + SMALLEST_PRIORITY)
        if step // config.target_every > self.target_copies:
            self.agent.copy_target()
            self.target_copies = step // config.target_every

    def sample_observations(self, number: int, generator: torch.Generator) -> Tensor:
        return self.replay.sample(number, generator).states

    def schedules(self, step: int) -> dict[str, float]:
        return {"epsilon": self.agent.epsilon(step)}

    def progress_text(self, step: int) -> str:
        return f"eps {self.agent.epsilon(step):.2f}"

    def state_dict(self) -> dict:
        return {
            **super().state_dict(),
            "warmed": self.warmed,
            "target_copies": self.target_copies,
            "starting": torch.from_numpy(self.starting.copy()),
            "replay": self.replay.state_dict(),
        }

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        self.warmed, self.target_copies = state["warmed"], state["target_copies"]
        self.starting = state["starting"].numpy()
        self.replay.load_state_dict(state["replay"])
        if self.games.anew:  # the old episodes are cut off where they were
            cut = np.flatnonzero(~self.starting)
            self.replay.add_final(cut, state["games"]["observations"].numpy()[cut, -1])
            self.starting = np.ones(self.games.num_envs, dtype=bool)
