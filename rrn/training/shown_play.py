"""Play games in a window: each step is played when the window comes to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rrn.agents.base import Agent
from rrn.common.animation import Video
from rrn.common.errors import UserError
from rrn.common.imports import import_string
from rrn.common.window import show
from rrn.config import EnvConfig
from rrn.envs import Episode, Step, VectorEnv
from rrn.training.play import play_steps


def play_shown(
    agent: Agent, env: EnvConfig, games: VectorEnv, seeds: Sequence[int], epsilon: float, episodes: int
) -> list[Episode]:
    """Play games one after the other while a window shows them, and return those that ended before it was closed.

    They are the games that `play` plays in one copy. A second copy of the environment draws, as for a video, and gets
    the actions one by one.

    Args:
        agent: plays, without learning.
        env: settings of the environment.
        games: one copy of it.
        seeds: key of the episodes and of the agent's random numbers.
        epsilon: probability of a random action.
        episodes: how many to play.

    Raises:
        UserError: the environment draws nothing, or the window cannot be opened.
    """
    games.reset(seeds)  # from here on the seed of the first episode is known
    steps, finished = play_steps(agent, games, seeds, epsilon), []

    def videos() -> Iterator[tuple[str, Video]]:
        for number in range(1, episodes + 1):
            actions: Any = LiveActions(games, steps)
            game = Episode(0, games.episode_seed(0), actions, score=float("nan"))
            yield f"{env.name}, game {number} of {episodes}", make_video(env, game)
            finished.append(actions.finish())

    if not show(videos()):
        print("the window was closed")
    return finished


class LiveActions(Sequence):
    """The actions of a game that is played as they are asked for.

    Taken in turn, each is played first. For all else, such as their number, the game is played to its end.

    Args:
        games: one copy, at the beginning of the episode.
        steps: of `play_steps` in it.
    """

    def __init__(self, games: VectorEnv, steps: Iterator[tuple[Any, Step]]):
        self.games, self.steps = games, steps
        self.played: list[Any] = []
        self.episode: Episode | None = None  # once it has ended

    def _play(self) -> None:
        _, step = next(self.steps)
        self.played.extend(self.games.action_space.recorded([self.games.sent[0]]))
        self.episode = step.episodes[0] if step.episodes else None

    def finish(self) -> Episode:
        """Play to the end, and return the episode."""
        while self.episode is None:
            self._play()
        return self.episode

    def __getitem__(self, number: Any) -> Any:
        while self.episode is None and not (isinstance(number, int) and 0 <= number < len(self.played)):
            self._play()
        return self.played[number] if self.episode is None else self.episode.actions[number]

    def __len__(self) -> int:
        return self.finish().length

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.finish().actions, dtype)


def make_video(env: EnvConfig, game: Episode) -> Video:
    """Draw a game, by playing its actions again.

    Raises:
        UserError: the environment draws nothing.
    """
    if not env.video:
        raise UserError(f"{env.name} has no screen of its own, so its games cannot be shown.")
    return import_string(env.video, "video")(env, game)
