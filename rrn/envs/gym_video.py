"""Make a video of an episode of a Gymnasium environment afterwards, by playing its actions again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rrn.common.animation import write_frames
from rrn.common.errors import UserError
from rrn.config import GymConfig
from rrn.envs.base import Episode
from rrn.envs.gym_spaces import actions_of
from rrn.envs.gymnasium import env_works, make_copy

FRAMES_PER_SECOND = 30  # if the environment names no other number


def write_video(path: Path, config: GymConfig, episode: Episode) -> None:
    """Write an episode as .mp4 or .gif, one frame for each step.

    Raises:
        UserError: the environment draws no pictures, or a package for that is missing.
    """
    with env_works(config):
        copy = make_copy(config)
        modes = copy.metadata.get("render_modes", [])
        copy.close()
        if "rgb_array" not in modes:
            raise UserError(f"video: env.id={config.id} has no render mode rgb_array; leave video out.")
        copy = make_copy(config, render_mode="rgb_array")
        _, to_env = actions_of(copy.action_space, f"env.id={config.id}")
        copy.reset(seed=episode.seed)
        frames: list[Any] = [copy.render()]
        for action in to_env(episode.actions):
            copy.step(action)
            frames.append(copy.render())
        rate = copy.metadata.get("render_fps", FRAMES_PER_SECOND)
        copy.close()
    write_frames(path, iter(frames), rate)
