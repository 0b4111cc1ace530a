"""Run a Stable-Baselines3 agent, by its own code, in rrn's training loop."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import CallbackList
from torch import Tensor

from rrn.agents.compression import compress, decompress
from rrn.agents.learner import Learner
from rrn.agents.sb3 import private
from rrn.agents.sb3.agent import SB3Agent, explain
from rrn.common.errors import UserError
from rrn.envs import Episode, VectorEnv

BUFFER_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")  # of a replay buffer


class SB3Learner(Learner):
    """Train a Stable-Baselines3 model on its environments; steps before `learning_starts` are the warmup."""

    agent: SB3Agent

    def __init__(self, agent: SB3Agent, games: VectorEnv, steps: int):
        super().__init__()
        self.agent, self.games = agent, games
        self.model = agent.model
        self.warmup = 0 if agent.on_policy else self.model.learning_starts
        self.buffer = self.model.rollout_buffer if agent.on_policy else self.model.replay_buffer
        private.begin(self.model, steps + self.warmup)
        self.callback = CallbackList([])
        self.callback.init_callback(self.model)
        self.steps_per_call = games.num_envs * (
            self.model.n_steps if agent.on_policy else self.model.train_freq.frequency
        )

    @property
    def warming_up(self) -> str | None:
        done = self.model.num_timesteps
        return f"random play {done}/{self.warmup}" if done < self.warmup else None

    def warmup_step(self) -> int:
        self._collect()
        self.model.env.finished = []  # episodes of random play do not count
        return self.steps_per_call

    def training_step(self, step: int, measure: bool) -> list[Episode]:
        model = self.model
        try:
            self._collect()
            if self.agent.on_policy:
                private.update_progress(model)
                model.train()
            else:
                steps = model.gradient_steps if model.gradient_steps >= 0 else self.steps_per_call
                model.train(batch_size=model.batch_size, gradient_steps=steps)
        except (ValueError, RuntimeError) as error:
            explain(error)
            raise
        logged = model.logger.name_to_value
        values = {name.partition("/")[2]: float(logged[name]) for name in logged if name.startswith("train/")}
        if not np.isfinite(values["loss"]):
            raise UserError(f"the loss is not finite at step {step}; try a smaller agent.learning_rate.")
        for schedule in ("n_updates", "learning_rate", "clip_range"):
            values.pop(schedule, None)
        self.log_values(values)
        model.logger.dump()
        finished, model.env.finished = model.env.finished, []
        return finished

    def _collect(self) -> None:
        model = self.model
        if self.agent.on_policy:
            model.collect_rollouts(model.env, self.callback, model.rollout_buffer, model.n_steps)
        else:
            model.collect_rollouts(
                model.env,
                self.callback,
                model.train_freq,
                model.replay_buffer,
                learning_starts=model.learning_starts,
            )

    def sample_observations(self, number: int, generator: torch.Generator) -> Tensor:
        observations = self._kept()["observations"]
        if not len(observations):
            return torch.from_numpy(self.games.observations)
        return torch.from_numpy(observations[torch.randint(len(observations), (number,), generator=generator).numpy()])

    def _kept(self) -> dict[str, np.ndarray]:
        """Return the filled part of the replay buffer as views [rows, ...]; of a rollout, the observations alone."""
        buffer, shape = self.buffer, self.model.observation_space.shape
        if self.agent.on_policy:
            return {"observations": buffer.observations.reshape(-1, *shape)[: buffer.pos * buffer.n_envs]}
        rows = buffer.buffer_size if buffer.full else buffer.pos
        arrays = {name: getattr(buffer, name)[:rows] for name in BUFFER_ARRAYS}
        return {name: array.reshape(-1, *array.shape[2:]) for name, array in arrays.items()}

    def schedules(self, step: int) -> dict[str, float]:
        model = self.model
        left = private.progress_left(model)
        rates = {"learning_rate": model.lr_schedule(left)}
        return rates | (
            {"clip": model.clip_range(left)} if self.agent.on_policy else {"epsilon": model.exploration_rate}
        )

    def progress_text(self, step: int) -> str:
        return "" if self.agent.on_policy else f"eps {self.model.exploration_rate:.2f}"

    def export(self, path: Path) -> None:
        """Write the model to a zip file for `stable_baselines3.DQN.load` or `PPO.load`, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".zip.partial")
        with open(partial, "wb") as file:
            self.model.save(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path.with_suffix(".zip"))

    def state_dict(self) -> dict:
        model = self.model
        random: Any = np.random.get_state()  # noqa: NPY002
        return {
            **super().state_dict(),
            "counters": private.counters(model),
            "episode_starts": torch.from_numpy(private.episode_starts(model)),
            "position": (self.buffer.pos, self.buffer.full),
            "memory": {name: compress(torch.from_numpy(array)) for name, array in self._kept().items()},
            "numpy": [random[0], torch.from_numpy(random[1].astype(np.int64)), *random[2:]],
            "action_space": model.action_space.np_random.bit_generator.state,
        }

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        model = self.model
        private.set_counters(model, state["counters"])
        starts = state["episode_starts"].numpy() | self.games.anew
        private.continue_from(model, model.env.reset(), starts)
        self.buffer.pos, self.buffer.full = state["position"]
        for name, array in self._kept().items():
            decompress(state["memory"][name], torch.from_numpy(array))
        kind, words, *rest = state["numpy"]
        np.random.set_state((kind, words.numpy().astype(np.uint32), *rest))  # noqa: NPY002
        model.action_space.np_random.bit_generator.state = state["action_space"]
