"""Join videos to one, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rrn.common.animation import Video
from rrn.common.extras import needs

GAP, CAPTION_HEIGHT = 8, 32  # pixels
FONT_SIZES = range(18, 7, -1)  # the largest with which a caption fits is taken


def side_by_side(videos: Sequence[Video], captions: Sequence[str]) -> Video:
    """Put videos beside each other, each with a caption under it; one that ends early holds its last frame.

    Raises:
        ValueError: they have different numbers of frames a second.
    """
    rates = {video.per_second for video in videos}
    if len(rates) != 1:
        raise ValueError(f"expected videos of one number of frames a second, got {sorted(rates)}.")
    return Video(_joined(videos, captions), rates.pop())


def _joined(videos: Sequence[Video], captions: Sequence[str]) -> Iterator[np.ndarray]:
    playing = [iter(video.frames) for video in videos]
    current = [next(frames) for frames in playing]
    height = max(len(frame) for frame in current)
    left = np.cumsum([0, *(frame.shape[1] + GAP for frame in current)])
    empty = np.zeros((height + CAPTION_HEIGHT, left[-1] - GAP, 3), dtype=np.uint8)
    for frame, x, text in zip(current, left, captions, strict=False):
        empty[height:, x : x + frame.shape[1]] = _caption(text, frame.shape[1])
    while True:
        joined = empty.copy()
        for frame, x in zip(current, left, strict=False):
            joined[: len(frame), x : x + frame.shape[1]] = frame
        yield joined
        new = [next(frames, None) for frames in playing]
        if all(frame is None for frame in new):
            return
        current = [last if frame is None else frame for last, frame in zip(current, new, strict=True)]


def _caption(text: str, width: int) -> np.ndarray:
    """Write a line of text in the middle of a black picture [CAPTION_HEIGHT, width, 3] uint8."""
    with needs("a caption", "plot"):
        import matplotlib
        from PIL import Image, ImageDraw, ImageFont  # which matplotlib brings
    file = Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf")
    font: Any
    for size in FONT_SIZES:
        font = ImageFont.truetype(str(file), size)
        if font.getlength(text) <= width:
            break
    picture = Image.new("RGB", (width, CAPTION_HEIGHT))
    ImageDraw.Draw(picture).text((width / 2, CAPTION_HEIGHT / 2), text, "white", font, "mm")
    return np.array(picture)
