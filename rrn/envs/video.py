"""Draw Atari games afterwards, by replaying a game from its seed and actions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ale_py.vector_env import AtariVectorEnv

from rrn.common.animation import Video
from rrn.config import AtariConfig
from rrn.config.games import atari_games
from rrn.envs import Episode
from rrn.envs.atari import emulator_options

FRAMES_PER_SECOND = 60  # of the emulator
SCALE = 2


def screens(config: AtariConfig, episode: Episode) -> Iterator[np.ndarray]:
    """Replay an episode and yield each frame of the screen, [210, 160, 3] uint8; PAL screens are shrunk to that.

    With a frame skip of 1 and repeated actions the game runs as it did when it was played, because the emulator draws
    sticky actions and no-ops for each frame.
    """
    emulator = AtariVectorEnv(
        game=atari_games()[config.name],
        img_height=210,
        img_width=160,
        grayscale=False,
        stack_num=1,
        **{**emulator_options(config, 1), "frameskip": 1, "maxpool": False},
    )
    yield emulator.reset(seed=np.array([episode.seed]))[0][0, -1]
    for action in episode.actions:
        for _ in range(config.frame_skip):
            observation, _, terminated, truncated, _ = emulator.step(np.array([action], dtype=np.int64))
            yield observation[0, -1]
            if terminated[0] or truncated[0]:
                return


def make_video(config: AtariConfig, episode: Episode) -> Video:
    """Return a game as a video, 60 frames a second, each [420, 320, 3]."""
    return Video((frame.repeat(SCALE, 0).repeat(SCALE, 1) for frame in screens(config, episode)), FRAMES_PER_SECOND)
