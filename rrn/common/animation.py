"""Write frames as an animation: .gif, or .mp4 by the ffmpeg that imageio brings."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from rrn.common.extras import MissingPackage, needs

SUFFIXES = (".gif", ".mp4")
GIF_FRAMES_PER_SECOND = 50  # most that programs show; it counts in hundredths of a second


@dataclass
class Video:
    """Hold moving pictures, which may be drawn only as they are asked for."""

    frames: Iterable[np.ndarray]  # each [height, width, 3] uint8, all of one size
    per_second: float


def write_frames(path: Path, frames: Iterable[np.ndarray], per_second: float) -> None:
    """Write frames, each [height, width, 3] uint8, to a .gif or .mp4 file; its folder is made.

    A .gif with more than 50 frames a second gets every second one, or fewer.

    Raises:
        ValueError: the name has another ending, or `per_second` is not above 0.
        MissingPackage: imageio or its ffmpeg is not installed.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: expected a name that ends in {' or '.join(SUFFIXES)}.")
    if not per_second > 0:
        raise ValueError(f"expected frames per second above 0, got {per_second}.")
    with needs(f"an animation as {path.suffix}", "plot"):
        import imageio.v2 as imageio
    if path.suffix == ".mp4" and find_spec("imageio_ffmpeg") is None:  # too large for the extra plot
        raise MissingPackage("an animation as .mp4", "imageio-ffmpeg")
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"fps": per_second, "macro_block_size": 2, "quality": 7}
    if path.suffix == ".gif":
        every = math.ceil(per_second / GIF_FRAMES_PER_SECOND)
        frames, options = islice(frames, 0, None, every), {"duration": 1000 * every / per_second, "loop": 0}
    writer: Any
    with imageio.get_writer(path, **options) as writer:
        for frame in frames:
            writer.append_data(frame)
