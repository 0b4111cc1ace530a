"""Several copies of one game that step together: the interface between environments and the rest.

What a copy shows is a pure function of its last seed and the actions since then, which is what a checkpoint holds.
Scores are raw; clipping belongs to learning.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rrn.common.errors import UserError
from rrn.common.seeding import derive_seed


@dataclass
class Step:
    """What one step of N environments gave."""

    observations: np.ndarray  # [N, stack, *frame], after the restart of games that are over
    rewards: np.ndarray  # [N] raw game score of this step
    terminated: np.ndarray  # [N] a life or the game was lost: nothing follows for learning
    truncated: np.ndarray  # [N] cut off by the time limit: the value goes on
    done: np.ndarray  # [N] the whole game ended, either way
    final_frames: np.ndarray  # [N, *frame] last frame of each game that is over; other rows have no meaning
    episodes: list[Episode]  # those that ended at this step


@dataclass
class Episode:
    """One whole game, and what is needed to play it again if each game has a seed of its own."""

    env: int
    seed: int  # the copy's last one
    actions: np.ndarray  # [length] uint8
    score: float  # raw, undiscounted

    @property
    def length(self) -> int:
        """Agent steps."""
        return len(self.actions)


class VectorEnv(ABC):
    """N copies of a game; a game that is over starts again.

    Args:
        num_envs: N.
        seeds: key of the run; with the copy's and the game's number it gives the seed of a game.
        reseed_after: agent steps of a copy after which its next game gets a seed of its own; before, the random numbers
            go on. Seeding takes an emulator as long as hundreds of steps. 0: each game.
    """

    num_actions: int
    frame_shape: tuple[int, ...]
    frame_type: torch.dtype
    stack: int

    def __init__(self, num_envs: int, seeds: Sequence[int], reseed_after: int = 0):
        self.num_envs, self.reseed_after = num_envs, reseed_after
        self.seeds = tuple(seeds)

    @abstractmethod
    def _reset(self, rows: np.ndarray, seeds: list[int]) -> np.ndarray:
        """Start a game in the copies of the mask `rows` [N]; observations [N, stack, *frame] of all copies."""

    def _restart(self, rows: np.ndarray) -> np.ndarray:
        """The same without seeds; only for environments that are made with `reseed_after`."""
        raise TypeError(f"{type(self).__name__} seeds each game.")

    def _played_for(self, actions: np.ndarray) -> np.ndarray:
        """What is played, and recorded, for the agent's actions [N]; a recorded game needs it no more."""
        return actions

    def _send(self, actions: np.ndarray) -> None:
        """Begin to play one action in each copy; an environment that plays in threads of its own does so here."""
        self.sent = actions

    @abstractmethod
    def _receive(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What the actions sent led to: observations, rewards, terminated, truncated, over; all [N, ...]."""

    def reset(self, seeds: Sequence[int] | None = None) -> np.ndarray:
        """Start game 0 in each copy, under another key if one is given; observations [N, stack, *frame]."""
        self.seeds = tuple(seeds or self.seeds)
        self.games = [0] * self.num_envs  # number of the current one
        self.seeded = [0] * self.num_envs  # number of the last one that got a seed
        self.earlier: list[list[int]] = [[] for _ in range(self.num_envs)]  # actions since then, of games before
        self.actions: list[list[int]] = [[] for _ in range(self.num_envs)]  # of the current one
        self.scores = [0.0] * self.num_envs
        return self._start(np.ones(self.num_envs, dtype=bool), seeded=True)

    def step(self, actions: np.ndarray) -> Step:
        """Play one action in each copy.

        Raises:
            ValueError: an action outside 0 .. num_actions - 1, which would hang the emulator.
        """
        self.send(actions)
        return self.receive()

    def send(self, actions: np.ndarray) -> None:
        """The first half of `step`: begin to play, so that something else can be done meanwhile."""
        actions = np.asarray(actions, dtype=np.int64)
        if actions.shape != (self.num_envs,) or actions.min() < 0 or actions.max() >= self.num_actions:
            raise ValueError(f"expected {self.num_envs} actions in 0..{self.num_actions - 1}, got {actions}.")
        self._begin(self._played_for(actions))

    def receive(self) -> Step:
        """The second half of `step`: wait for what came of it."""
        observations, rewards, terminated, truncated, over = self._end()
        final_frames, finished = observations[:, -1], []
        if over.any():
            final_frames = final_frames.copy()
            for env in np.flatnonzero(over):
                finished.append(Episode(int(env), self._seed(env), self._played(env), self.scores[env]))
                self.games[env] += 1
            observations = self._start(over)
        return Step(observations, rewards, terminated, truncated, over, final_frames, finished)

    def state_dict(self) -> dict:
        """(seed, actions since then) of each copy, and the screens they lead to, as a check."""
        actions = [np.array(self.earlier[env] + self.actions[env], dtype=np.uint8) for env in range(self.num_envs)]
        return {
            "seeds": list(self.seeds),
            "seeded": list(self.seeded),
            "actions": list(map(torch.from_numpy, actions)),
            "observations": torch.from_numpy(self.observations.copy()),
        }

    def load_state_dict(self, state: dict) -> np.ndarray:
        """Play the games of the state up to where they were; observations [N, stack, *frame].

        Raises:
            UserError: the actions lead to other screens, as with another version of the emulator.
        """
        self.reset(state["seeds"])
        self.games = list(state["seeded"])
        played = [actions.tolist() for actions in state["actions"]]
        longest = max(map(len, played))
        for t in range(longest + 1):  # each copy starts late enough for all to arrive together
            since = np.array([t - longest + len(actions) for actions in played])
            if (since == 0).any():
                self._start(since == 0, seeded=True)
            if t < longest:
                now = [actions[k] if k >= 0 else 0 for actions, k in zip(played, since, strict=True)]
                self._begin(np.array(now, dtype=np.int64))
                over = self._end()[-1]
                for env in np.flatnonzero(over & (since >= 0)):
                    self.games[env] += 1
                if over.any():  # also of copies that wait for their start
                    self._start(over)
        if not np.array_equal(self.observations, state["observations"].numpy()):
            raise UserError(
                "the games of the checkpoint, played again, show other screens than they did: "
                "resume with the version of ale-py or gymnasium that the run was started with."
            )
        return self.observations

    def _begin(self, actions: np.ndarray) -> None:
        """Send the actions, entered into the record of each game."""
        for env in range(self.num_envs):
            self.actions[env].append(int(actions[env]))
        self._send(actions)

    def _end(self):
        """What they led to, the scores entered too."""
        result = self._receive()
        self.observations, rewards = result[:2]
        for env in range(self.num_envs):
            self.scores[env] += float(rewards[env])
        return result

    def _start(self, rows: np.ndarray, seeded: bool = False) -> np.ndarray:
        """The next game in the copies of the mask, with a seed if it is time for one or `seeded` says so."""
        fresh = np.zeros(self.num_envs, dtype=bool)
        for env in np.flatnonzero(rows):
            self.earlier[env] += self.actions[env]
            if seeded or len(self.earlier[env]) >= self.reseed_after:
                fresh[env], self.seeded[env], self.earlier[env] = True, self.games[env], []
            self.actions[env], self.scores[env] = [], 0.0
        if fresh.any():
            self.observations = self._reset(fresh, [self._seed(env) for env in np.flatnonzero(fresh)])
        if (rows & ~fresh).any():
            self.observations = self._restart(rows & ~fresh)
        return self.observations

    def _seed(self, env: int | np.integer) -> int:
        return derive_seed(*self.seeds, int(env), self.seeded[env])

    def _played(self, env: int | np.integer) -> np.ndarray:
        return np.array(self.actions[env], dtype=np.uint8)
