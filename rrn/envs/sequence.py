"""Play one game after the other in one run, as in continual reinforcement learning (Abbas et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rrn.common.animation import Video
from rrn.common.errors import UserError
from rrn.common.imports import import_string
from rrn.config.sequence import SequenceConfig
from rrn.envs import make_envs
from rrn.envs.base import Episode, Step, VectorEnv


class SequenceEnv(VectorEnv):
    """Step N copies of a game that is replaced by the next one from time to time; the actions stay.

    Once another game is due, the next step cuts off the episodes of all copies: they are truncated, and the next game
    begins. What a game is in numbers is its place among all games of the run, from 0.

    Args:
        config: of the games.
        num_envs, seeds, reseed_after: as those of `VectorEnv`.

    Attributes:
        number: of the game that is played.
        due: number of the game that should be.

    Raises:
        UserError: the games differ in the number of their actions or in the size of their frames.
    """

    def __init__(self, config: SequenceConfig, num_envs: int, seeds: Sequence[int], reseed_after: int = 0):
        configs = map(config.config_of, range(len(config.sequence)))
        self.games = [make_envs(of_game, num_envs, seeds, reseed_after) for of_game in configs]
        first = self.games[0]
        super().__init__(num_envs, seeds, first.reseed_after)
        self.config, self.number, self.due = config, 0, 0
        self.num_actions, self.frame_type, self.stack = first.num_actions, first.frame_type, first.stack
        self.frame_shape = (config.channels or first.frame_shape[0], *first.frame_shape[1:])
        for name, game in zip(config.sequence, self.games, strict=True):
            same = (game.num_actions, *game.frame_shape[1:]) == (self.num_actions, *self.frame_shape[1:])
            if not same or game.frame_shape[0] > self.frame_shape[0]:
                raise UserError(f"env.sequence: {name} has other actions or frames than {config.sequence[0]}.")
        self.observations = np.zeros((num_envs, self.stack, *self.frame_shape), first.observations.dtype)
        self.reset()

    @property
    def game(self) -> VectorEnv:
        """Return the game that is played, with the records of this run that it looks at."""
        game = self.games[self.number % len(self.games)]
        game.actions, game.observations = self.actions, self.observations[:, :, : game.frame_shape[0]]
        return game

    def at_step(self, step: int) -> None:
        self.due = self.config.number_at(step)

    def reset_rows(self, rows: np.ndarray, seeds: list[int]) -> np.ndarray:
        self.number = self.due  # another one only where all copies are reset
        return self._filled(self.game.reset_rows(rows, seeds))

    def reset_rows_unseeded(self, rows: np.ndarray) -> np.ndarray:
        return self._filled(self.game.reset_rows_unseeded(rows))

    def replace_actions(self, actions: np.ndarray) -> np.ndarray:
        return self.game.replace_actions(actions)

    def start_step(self, actions: np.ndarray) -> None:
        self.game.start_step(actions)

    def step_rows(self, actions: np.ndarray):
        observations, rewards, terminated, truncated, done = self.game.step_rows(actions)
        if self.due != self.number:
            truncated, done = truncated | ~done, np.ones_like(done)
        return self._filled(observations), rewards, terminated, truncated, done

    def receive(self) -> Step:
        number = self.number  # another game may begin at the end of this step
        step = super().receive()
        step.episodes = [replace(episode, number=number) for episode in step.episodes]
        return step

    def _start_episodes(self, rows: np.ndarray, seeded: bool = False) -> np.ndarray:
        return super()._start_episodes(rows, seeded or self.due != self.number)

    def _filled(self, observations: np.ndarray) -> np.ndarray:
        """Return observations [N, stack, *frame] of a game with the channels that it does not have, all 0."""
        filled = np.zeros((self.num_envs, self.stack, *self.frame_shape), observations.dtype)
        filled[:, :, : observations.shape[2]] = observations
        return filled

    def state_dict(self) -> dict:
        return {**super().state_dict(), "number": self.number}

    def load_state_dict(self, state: dict) -> np.ndarray:
        self.number = self.due = state["number"]
        return super().load_state_dict(state)


def make_video(config: SequenceConfig, episode: Episode) -> Video:
    """Return an episode as a video, as its game draws it."""
    game = config.config_of(episode.number)
    return import_string(game.video or "", "video")(game, episode)
