"""Draw MinAtar games afterwards, by replaying a game from its seed and actions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rrn.common.animation import Video
from rrn.common.extras import needs
from rrn.config import MinAtarConfig
from rrn.envs.base import Episode
from rrn.envs.minatar import MinAtarEnv

FRAMES_PER_SECOND = 20  # as the window of the package shows them
PIXELS = 40  # of a cell
COLOURS = "tab10"  # of matplotlib; no game has more than its ten channels


def make_video(config: MinAtarConfig, episode: Episode) -> Video:
    """Return a game as a video, one frame for each step, each [400, 400, 3]."""
    return Video(_frames(config, episode), FRAMES_PER_SECOND)


def _frames(config: MinAtarConfig, episode: Episode) -> Iterator[np.ndarray]:
    game = MinAtarEnv(config, 1, ())
    observations = game.reset_rows(np.array([True]), [episode.seed])
    yield picture(observations[0, 0])
    for action in episode.actions:
        observations = game.step_rows(np.array([action]))[0]
        yield picture(observations[0, 0])


def picture(channels: np.ndarray) -> np.ndarray:
    """Draw the channels [C, 10, 10] bool of an observation as a picture [400, 400, 3] uint8.

    Each channel has a colour, on black. Where several are set in a cell, the first is shown: the player is the first.
    """
    with needs("a picture of MinAtar", "plot"):
        from matplotlib import color_sequences
    colours = np.array([(0, 0, 0), *color_sequences[COLOURS]])
    shown = np.where(channels.any(0), channels.argmax(0) + 1, 0)
    return (255 * colours[shown]).round().astype(np.uint8).repeat(PIXELS, 0).repeat(PIXELS, 1)
