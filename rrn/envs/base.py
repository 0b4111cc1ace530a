"""Define the interface of parallel environments: N copies of one game that step together.

What a copy shows is a pure function of its last seed and the actions since then; a checkpoint holds these two. An
environment that cannot be replayed so says that it is not `exact`, and starts new episodes where a run is resumed.
Rewards are raw; the agents clip them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from rrn.common.errors import UserError
from rrn.common.seeding import derive_seed
from rrn.envs.spaces import ActionSpace, Discrete


@dataclass
class Step:
    """Hold the results of one step of N environments."""

    observations: np.ndarray  # [N, stack, *frame], after the reset of episodes that ended
    rewards: np.ndarray  # [N] raw
    terminated: np.ndarray  # [N] a life or the game was lost: no bootstrapping
    truncated: np.ndarray  # [N] cut off by the time limit: bootstrap from the final frame
    done: np.ndarray  # [N] the whole episode ended, either way
    final_frames: np.ndarray  # [N, *frame] last frame of each episode that ended; other rows have no meaning
    episodes: list[Episode]  # those that ended at this step


@dataclass
class Episode:
    """Describe one whole episode; its seed and actions replay it if each episode has its own seed."""

    env: int
    seed: int  # last one of the copy
    actions: np.ndarray  # [length, *shape of an action]; uint8 for up to 256 discrete ones
    score: float  # raw, undiscounted
    number: int = 0  # of its game, where games follow one another

    @property
    def length(self) -> int:
        """Count its agent steps."""
        return len(self.actions)


class VectorEnv(ABC):
    """Step N copies of a game together; a copy whose episode ends is reset at once.

    A subclass implements `reset_rows` and `step_rows`, and calls `reset` at the end of its `__init__`.

    Args:
        num_envs: N.
        seeds: key of the run; with the indices of copy and episode it gives the seed of an episode.
        reseed_after: agent steps of a copy after which its next episode gets its own seed; until then the random
            numbers continue. Seeding an emulator takes as long as hundreds of steps. 0: seed each episode.

    Attributes:
        num_actions: if they are discrete.
        exact: an episode can be replayed from its seed and its actions.
        anew: `load_state_dict` has started new episodes, because the old ones could not be replayed.
    """

    num_actions: int
    exact: bool = True
    anew: bool = False
    advice = "resume with the version of ale-py or gymnasium that the run was started with."  # if a replay goes wrong
    frame_shape: tuple[int, ...]
    frame_type: torch.dtype
    stack: int

    def __init__(self, num_envs: int, seeds: Sequence[int], reseed_after: int = 0):
        self.num_envs, self.reseed_after = num_envs, reseed_after
        self.seeds = tuple(seeds)

    @abstractmethod
    def reset_rows(self, rows: np.ndarray, seeds: list[int]) -> np.ndarray:
        """Start an episode in some copies and return the observations [N, stack, *frame] of all copies.

        Args:
            rows: [N] bool, the copies to reset.
            seeds: one for each of these copies.
        """

    @abstractmethod
    def step_rows(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Play actions [N]; return observations, rewards, terminated, truncated and done, all [N, ...]."""

    @cached_property
    def action_space(self) -> ActionSpace:
        """The actions; those 0 .. num_actions - 1 unless a subclass sets others."""
        return Discrete(self.num_actions)

    def at_step(self, step: int) -> None:  # noqa: B027
        """Take the form that the environment has after `step` agent steps of training; most have but one."""

    def notes(self) -> list[str]:
        """Say what a user should know before a training run begins, one line each; it may play a few steps."""
        return []

    def reset_rows_unseeded(self, rows: np.ndarray) -> np.ndarray:
        """Start an episode in the copies `rows` [N] and let their random numbers continue.

        Needed only if the environment passes on `reseed_after`.
        """
        raise TypeError(f"{type(self).__name__} seeds each game.")

    def start_step(self, actions: np.ndarray) -> None:  # noqa: B027
        """Begin to play actions [N], if the environment has its own threads; `step_rows` then waits for the results."""

    def replace_actions(self, actions: np.ndarray) -> np.ndarray:
        """Return the actions [N] to play, and to record, for those [N] of the agent; a replay does not call this."""
        return actions

    def reset(self, seeds: Sequence[int] | None = None) -> np.ndarray:
        """Start episode 0 in each copy, with another key if one is given; observations [N, stack, *frame]."""
        return self._start_at([0] * self.num_envs, seeds or self.seeds)

    def _start_at(self, numbers: list[int], seeds: Sequence[int]) -> np.ndarray:
        """Start in each copy the episode with its number, and forget all others; observations [N, stack, *frame]."""
        self.seeds = tuple(seeds)
        self.episode_numbers = list(numbers)  # of the current episode of each copy
        self.seeded = list(numbers)  # number of the last episode that got a seed
        self.earlier: list[list[Any]] = [[] for _ in range(self.num_envs)]  # actions since then, of earlier episodes
        self.actions: list[list[Any]] = [[] for _ in range(self.num_envs)]  # of the current episode
        self.scores = [0.0] * self.num_envs
        return self._start_episodes(np.ones(self.num_envs, dtype=bool), seeded=True)

    def step(self, actions: np.ndarray) -> Step:
        """Play one action in each copy.

        Raises:
            ValueError: an action is not in the action space; the emulator would hang.
        """
        self.send(actions)
        return self.receive()

    def send(self, actions: np.ndarray) -> None:
        """Begin a step, the first half of `step`, so that other work can be done meanwhile."""
        self._begin_step(self.replace_actions(self.action_space.check(actions, self.num_envs)))

    def receive(self) -> Step:
        """Wait for the results of a step, the second half of `step`."""
        observations, rewards, terminated, truncated, done = self._finish_step()
        final_frames, episodes = observations[:, -1], []
        if np.count_nonzero(done):  # quicker than any()
            final_frames = final_frames.copy()
            for env in np.flatnonzero(done):
                actions = self.action_space.recorded(self.actions[env])
                episodes.append(Episode(int(env), self.episode_seed(env), actions, self.scores[env]))
                self.episode_numbers[env] += 1
            observations = self._start_episodes(done)
        return Step(observations, rewards, terminated, truncated, done, final_frames, episodes)

    def episode_seed(self, env: int | np.integer) -> int:
        """Return the last seed of a copy."""
        return derive_seed(*self.seeds, int(env), self.seeded[env])

    def state_dict(self) -> dict:
        """Return the seed of each copy, the actions since then and, as a check, the observations they lead to."""
        actions = [self.action_space.recorded(self.earlier[env] + self.actions[env]) for env in range(self.num_envs)]
        return {
            "exact": self.exact,
            "seeds": list(self.seeds),
            "seeded": list(self.seeded),
            "actions": list(map(torch.from_numpy, actions)),
            "observations": torch.from_numpy(self.observations.copy()),
        }

    def load_state_dict(self, state: dict) -> np.ndarray:
        """Replay the episodes of the state to where they were, or start new ones; observations [N, stack, *frame].

        Raises:
            UserError: the actions lead to other observations, as with another version of the emulator.
        """
        self.anew = not (self.exact and state.get("exact", True))
        if self.anew:
            return self._start_at([number + 1 for number in state["seeded"]], state["seeds"])
        self.reset(state["seeds"])
        self.episode_numbers = list(state["seeded"])
        played = [actions.tolist() for actions in state["actions"]]
        longest, idle = max(map(len, played)), np.zeros(self.action_space.shape, dtype=int).tolist()
        for t in range(longest + 1):  # each copy starts late enough for all to arrive together
            since = np.array([t - longest + len(actions) for actions in played])
            if (since == 0).any():
                self._start_episodes(since == 0, seeded=True)
            if t < longest:
                now = [actions[k] if k >= 0 else idle for actions, k in zip(played, since, strict=True)]
                self._begin_step(self.action_space.check(np.array(now), self.num_envs))
                done = self._finish_step()[-1]
                for env in np.flatnonzero(done & (since >= 0)):
                    self.episode_numbers[env] += 1
                if done.any():  # also of copies that wait for their start
                    self._start_episodes(done)
        if not np.array_equal(self.observations, state["observations"].numpy()):
            raise UserError(
                f"the games of the checkpoint, played again, show other screens than they did: {self.advice}"
            )
        return self.observations

    def _begin_step(self, actions: np.ndarray) -> None:
        """Record the actions [N] of each episode and begin to play them."""
        for env, action in enumerate(actions.tolist()):
            self.actions[env].append(action)
        self.sent = actions
        self.start_step(actions)

    def _finish_step(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Wait for the results of `step_rows` and record the rewards."""
        results = self.step_rows(self.sent)
        self.observations, rewards = results[:2]
        for env, reward in enumerate(rewards.tolist()):
            self.scores[env] += reward
        return results

    def _start_episodes(self, rows: np.ndarray, seeded: bool = False) -> np.ndarray:
        """Start the next episode in the copies `rows` [N], with a seed if `seeded` or if it is time for one."""
        fresh = np.zeros(self.num_envs, dtype=bool)
        for env in np.flatnonzero(rows):
            self.earlier[env] += self.actions[env]
            if seeded or len(self.earlier[env]) >= self.reseed_after:
                fresh[env], self.seeded[env], self.earlier[env] = True, self.episode_numbers[env], []
            self.actions[env], self.scores[env] = [], 0.0
        if np.count_nonzero(fresh):
            self.observations = self.reset_rows(fresh, [self.episode_seed(env) for env in np.flatnonzero(fresh)])
        if np.count_nonzero(rows & ~fresh):
            self.observations = self.reset_rows_unseeded(rows & ~fresh)
        return self.observations
