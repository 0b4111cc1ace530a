"""The trainings that training.py compares, each in a process of its own, as users run them.

So each has its own threads of torch, its own peak of memory and its own treatment of numbers near zero.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

import numpy as np
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.vec_env import VecFrameStack

from rrn.common.device import denormals_as_zero, keep_freed_memory
from rrn.config.compose import compose_config
from rrn.training.trainer import Trainer

EPSILON = 0.1
ZOO = {
    DQN: {
        "learning_rate": 1e-4,
        "buffer_size": 10_000,  # 100,000 in the zoo; the speed is the same
        "learning_starts": 1000,
        "batch_size": 32,
        "train_freq": 4,
        "gradient_steps": 1,
        "target_update_interval": 1000,
        "exploration_initial_eps": EPSILON,
        "exploration_final_eps": EPSILON,
    },
    PPO: {
        "n_steps": 128,
        "n_epochs": 4,
        "batch_size": 256,
        "learning_rate": 2.5e-4,
        "clip_range": 0.1,
        "ent_coef": 0.01,
        "vf_coef": 0.5,
    },
}
SAME = ["agent.epsilon_start=0.1", "agent.epsilon_end=0.1", "agent.warmup=1000", "agent.replay_capacity=10000"]


class Apart:
    """An object in a new process; `apart(method, *arguments)` calls a method of it there and waits for the result.

    Args:
        threads: of torch in that process.
        make: the class of the object, and its arguments.
    """

    def __init__(self, threads: int, make: Callable[..., object], *arguments: object):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, threads, make, arguments), daemon=True)
        self.process.start()
        theirs.close()
        self.pipe.recv()  # it is made

    def __call__(self, method: str, *arguments: object) -> object:
        self.pipe.send((method, arguments))
        return self.pipe.recv()

    def training_step(self, steps: int) -> int:
        return self("training_step", steps)

    def close(self) -> None:
        self.pipe.close()
        self.process.join()


def _serve(pipe, threads: int, make: Callable[..., object], arguments: tuple) -> None:
    torch.set_num_threads(threads)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # the progress of each
        thing = make(*arguments)
        pipe.send(True)
        while True:
            try:
                method, arguments = pipe.recv()
            except EOFError:
                return
            pipe.send(getattr(thing, method)(*arguments))


class Theirs:
    """An agent of stable-baselines3 on Pong, with the settings of rl-baselines3-zoo for Atari."""

    def __init__(self, kind: type[DQN] | type[PPO], num_envs: int):
        options = {"frameskip": 1, "repeat_action_probability": 0.0}
        games = VecFrameStack(make_atari_env("ALE/Pong-v5", n_envs=num_envs, seed=0, env_kwargs=options), 4)
        self.model = kind("CnnPolicy", games, seed=0, device="cpu", **ZOO[kind])
        self.model.learn(ZOO[kind].get("learning_starts", 0) + 8)

    def training_step(self, steps: int) -> int:
        """Train for some agent steps; how many they were."""
        before = self.model.num_timesteps
        self.model.learn(steps, reset_num_timesteps=False)
        return self.model.num_timesteps - before


class Ours:
    """A run of ours after its random play, with everything that belongs to one, at its default settings."""

    def __init__(self, *overrides: str):
        keep_freed_memory()  # as rrn.train does
        self.mode = denormals_as_zero()
        self.mode.__enter__()
        self.folder = tempfile.TemporaryDirectory()
        config = compose_config([*overrides, "device=cpu", f"run_dir={self.folder.name}"])
        self.trainer = Trainer(config, Path(self.folder.name), lambda: False)
        while self.trainer.learner.warming_up:
            self.trainer.learner.warmup_step()

    def training_step(self, steps: int) -> int:
        """Train for some agent steps; how many they were."""
        trainer, before = self.trainer, self.trainer.step
        while trainer.step < before + steps:
            trainer.stop()
            trainer._advance()
            trainer.show()
        return trainer.step - before

    def split(self, steps: int) -> dict[str, float]:
        """Share of the time of training that each part takes."""
        learner, agent, spent = self.trainer.learner, self.trainer.agent, Counter()
        parts = {"environment": (learner.games, "send", "receive"), "update": (agent, "update")}
        if hasattr(learner, "replay"):
            parts |= {"acting": (agent, "act"), "sampling": (learner.replay, "sample"), "storing": (learner, "_store")}
        else:
            parts["acting"] = (agent, "sample_actions")
        for part, (owner, *names) in parts.items():
            for name in names:
                setattr(owner, name, _clocked(getattr(owner, name), part, spent))
        began = time.perf_counter()
        self.training_step(steps)
        total = time.perf_counter() - began
        for owner, *names in parts.values():
            for name in names:
                delattr(owner, name)
        return {part: spent[part] / total for part in parts} | {"the rest": 1 - sum(spent.values()) / total}

    def bookkeeping(self, rate: float) -> dict[str, float]:
        """Seconds of what a run does beside training, and their share of its time at a rate of steps per second."""
        trainer, config = self.trainer, self.trainer.config
        shapes = partial(trainer.evaluator.draw, trainer.step, trainer.records)
        work = {"log": trainer._log, "shapes": shapes, "checkpoint": trainer._save}
        seconds = {name: _median_time(function) for name, function in work.items()}
        every = {"log": config.log_every, "shapes": config.evaluation.every, "checkpoint": config.checkpoint.every}
        return {**seconds, "share": sum(seconds[name] * rate / every[name] for name in seconds)}

    def peak_memory(self) -> dict[str, float]:
        """Of this process in GB with a full replay memory, while it trains and after a checkpoint."""
        replay = self.trainer.learner.replay
        frames, zero = replay.frames[: replay.added[0]].numpy().copy(), np.zeros(1)
        while replay.added[0] < replay.rows:
            replay.add(frames[replay.added % len(frames)], zero, zero, zero, zero)
        self.training_step(200)
        training = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        self.trainer._save()
        return {"training": training, "saving": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}


def _clocked(function: Callable, part: str, spent: Counter) -> Callable:
    def call(*arguments, **options):
        began = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            spent[part] += time.perf_counter() - began

    return call


def _median_time(work: Callable[[], object], times: int = 5) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return statistics.median(found)
