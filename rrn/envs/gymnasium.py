"""Play any environment of Gymnasium, in one process or with a process for each copy.

Copies are stepped in a loop (sync.py) or by Gymnasium's AsyncVectorEnv, with resets of our own: each episode gets a
seed, and the last observation of an episode is not lost. `gymnasium.make_vec` would choose an environment's own vector
version where there is one, and in that all copies draw from one generator.
"""

from __future__ import annotations

import os
import signal
from functools import partial

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode

from rrn.common.errors import UserError, first_line
from rrn.common.finite import all_finite
from rrn.config import GymConfig
from rrn.config.gym_ids import find_spec, missing_extra
from rrn.envs.base import VectorEnv
from rrn.envs.gym_spaces import actions_of, frames_of
from rrn.envs.probe import probe
from rrn.envs.sync import SyncCopies


class GymEnv(VectorEnv):
    """Step N copies of an environment of Gymnasium; observations [N, stack, *frame].

    Raises:
        UserError: the environment cannot be made or played, or has spaces that cannot be used here.
    """

    advice = (
        "resume with the versions of the packages that the run was started with or, if it cannot be replayed, set "
        "env.exact=false to go on with new episodes."
    )

    def __init__(self, config: GymConfig, num_envs: int, seeds: tuple[int, ...], reseed_after: int = 0):
        super().__init__(num_envs, seeds)  # each episode gets a seed
        self.config, self.stack = config, config.stack
        find_spec(config.id)
        self.copies: AsyncVectorEnv | SyncCopies
        with env_works(config):
            makers = [partial(make_copy, config, os.getpid())] * num_envs
            if config.vectorization == "async":
                self.copies = AsyncVectorEnv(makers, autoreset_mode=AutoresetMode.DISABLED)
            else:
                self.copies = SyncCopies(makers)
        called = f"env.id={config.id}"
        self.frames = frames_of(self.copies.single_observation_space, called)
        self.frame_shape, self.frame_type = self.frames.shape, self.frames.dtype
        self.action_space, self.to_env = actions_of(self.copies.single_action_space, called)
        self.num_actions = getattr(self.action_space, "n", None)
        self.exact = config.exact is not False
        dtype = np.uint8 if self.frame_type.itemsize == 1 else np.float32
        self.observations = np.zeros((num_envs, self.stack, *self.frame_shape), dtype=dtype)
        self.reset()

    def notes(self) -> list[str]:
        """Play a short probe, which finds out whether the environment can be replayed, and say what it found."""
        if self.config.exact is not None:
            return [] if self.exact else ["resume is not exact: env.exact=false"]
        with env_works(self.config):
            differs, warnings = probe(partial(make_copy, self.config), own=not self.config.of_gymnasium())
        self.exact = differs is None
        notes = [f"note: env.id={self.config.id}: {text}" for text in warnings]
        if differs:
            notes.append(f"resume is not exact: {self.config.name} shows other {differs} for the same seed and actions")
        return notes

    def reset_rows(self, rows: np.ndarray, seeds: list[int]) -> np.ndarray:
        given: list[int | None] = [None] * self.num_envs
        for env, seed in zip(np.flatnonzero(rows), seeds, strict=True):
            given[env] = seed
        with env_works(self.config):
            shown, _ = self.copies.reset(seed=given, options=None if rows.all() else {"reset_mask": rows})
            current = self.observations.copy()
            current[rows] = 0
            current[rows, -1] = self._checked(shown)[rows]
        return current

    def start_step(self, actions: np.ndarray) -> None:
        if isinstance(self.copies, AsyncVectorEnv):
            with env_works(self.config):
                self.copies.step_async(self.to_env(actions))

    def step_rows(self, actions: np.ndarray):
        with env_works(self.config):
            if isinstance(self.copies, AsyncVectorEnv):
                shown, rewards, terminated, truncated, _ = self.copies.step_wait()
            else:
                shown, rewards, terminated, truncated, _ = self.copies.step(self.to_env(actions))
            if not all_finite(rewards):
                raise ValueError(f"expected rewards that are finite numbers, got {rewards[~np.isfinite(rewards)][0]}")
            frames = self._checked(shown)
        current = frames[:, None]
        if self.stack > 1:
            current = np.concatenate((self.observations[:, 1:], current), axis=1)
        return current, rewards.astype(np.float32), terminated, truncated, terminated | truncated

    def _checked(self, shown: np.ndarray) -> np.ndarray:
        """Return the frames [N, *frame] of a batch of observations."""
        frames = self.frames.of(shown)
        if frames.dtype == np.float32 and not all_finite(frames):
            raise ValueError("expected observations of finite numbers, got NaN or infinity")
        return frames


def make_copy(config: GymConfig, main_process: int | None = None, **options) -> gymnasium.Env:
    """Make one copy of the environment.

    Args:
        config: of it.
        main_process: in any other one, which is there for this copy alone, Ctrl-C is left to this one.
        options: more arguments of `gymnasium.make`.
    """
    if main_process not in (None, os.getpid()):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    cap = {} if config.max_episode_steps is None else {"max_episode_steps": config.max_episode_steps}
    return gymnasium.make(config.id, disable_env_checker=True, **cap, **(config.kwargs or {}), **options)


class env_works:
    """Context that turns any error of an environment into a UserError with its first line; quick enough for each step.

    Raises:
        UserError: names the environment.
    """

    def __init__(self, config: GymConfig):
        self.config = config

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, UserError | MemoryError):
            return
        named = f"env.id={self.config.id}"
        if isinstance(error, gymnasium.error.DependencyNotInstalled):
            raise missing_extra(self.config.id) or UserError(f"{named}: {first_line(error)}") from error
        raise UserError(f"{named} fails with {type(error).__name__}: {first_line(error)}") from error
