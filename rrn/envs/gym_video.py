"""Draw an episode of a Gymnasium environment afterwards, by playing its actions again."""

from __future__ import annotations

from collections.abc import Iterator

import gymnasium
import numpy as np

from rrn.common.animation import Video
from rrn.common.errors import UserError
from rrn.common.window import no_window
from rrn.config import GymConfig
from rrn.envs.base import Episode
from rrn.envs.gym_spaces import actions_of
from rrn.envs.gymnasium import env_works, make_copy

FRAMES_PER_SECOND = 30  # if the environment names no other number


def make_video(config: GymConfig, episode: Episode) -> Video:
    """Return an episode as a video, one frame for each step, at the speed that the environment names.

    Raises:
        UserError: the environment draws no pictures, or a package for that is missing.
    """
    with env_works(config):
        copy = make_copy(config)
        modes = copy.metadata.get("render_modes", [])
        copy.close()
        if "rgb_array" not in modes:
            raise UserError(f"env.id={config.id} has no render mode rgb_array, so its games cannot be shown.")
        copy = make_copy(config, render_mode="rgb_array")
        rate = copy.metadata.get("render_fps") or FRAMES_PER_SECOND
    return Video(_frames(config, copy, episode), rate)


def _frames(config: GymConfig, copy: gymnasium.Env, episode: Episode) -> Iterator[np.ndarray]:
    _, to_env = actions_of(copy.action_space, f"env.id={config.id}")
    try:
        with env_works(config):
            copy.reset(seed=episode.seed)
            picture = _picture(copy)
        yield picture
        for action in episode.actions:  # which are those of a game that is still played, maybe
            with env_works(config):
                copy.step(to_env(action[None])[0])
                picture = _picture(copy)
            yield picture
    finally:
        with env_works(config):
            copy.close()


def _picture(copy: gymnasium.Env) -> np.ndarray:
    """Return a picture [height, width, 3] uint8 of what an environment shows.

    Raises:
        ValueError: it returns something else.
    """
    with no_window():
        picture = np.asarray(copy.render())
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"expected render() to return [height, width, 3] uint8, got {picture.shape} {picture.dtype}")
    return picture
