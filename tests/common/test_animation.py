"""Videos in files and beside each other."""

from __future__ import annotations

import imageio.v2 as imageio
import numpy as np
import pytest

from rrn.common.animation import Video, write_frames
from rrn.common.side_by_side import CAPTION_HEIGHT, GAP, side_by_side


def plain(colour, height, width, length):
    """Frames of one colour; the last is half as bright."""
    return [np.full((height, width, 3), colour // (1 + (t == length - 1)), np.uint8) for t in range(length)]


def test_videos_side_by_side_keep_their_pictures_and_the_shorter_holds_its_last():
    videos = [Video(plain(200, 40, 120, 3), 30), Video(plain(100, 60, 80, 5), 30)]
    joined = side_by_side(videos, ["one", "two"])
    frames = list(joined.frames)
    assert (joined.per_second, len(frames)) == (30, 5)
    assert {frame.shape for frame in frames} == {(60 + CAPTION_HEIGHT, 120 + GAP + 80, 3)}
    for t, frame in enumerate(frames):
        assert (frame[:40, :120] == (200 if t < 2 else 100)).all()
        assert (frame[:60, 120 + GAP :] == (100 if t < 4 else 50)).all()
        assert not frame[:, 120 : 120 + GAP].any()
        assert not frame[40:60, :120].any()


def test_captions_are_written_under_each_video_within_its_width():
    frame = next(iter(side_by_side([Video(plain(9, 40, 160, 1), 30)] * 2, ["dqn-relu/seed0, score 21", ""]).frames))
    left, right = frame[40:, :160], frame[40:, 160 + GAP :]
    assert left.max() > 150
    assert not left[:, [0, -1]].any()
    assert not right.any()


def test_videos_of_different_speeds_are_not_joined():
    with pytest.raises(ValueError, match=r"one number of frames a second, got \[20, 60\]"):
        side_by_side([Video([], 60), Video([], 20)], ["", ""])


@pytest.mark.parametrize(("rate", "frames", "milliseconds"), [(60, 5, 33), (50, 10, 20), (120, 4, 25)])
def test_a_gif_has_at_most_50_frames_a_second(tmp_path, rate, frames, milliseconds):
    write_frames(tmp_path / "a.gif", (np.full((8, 8, 3), 25 * t, np.uint8) for t in range(10)), rate)
    with imageio.get_reader(tmp_path / "a.gif") as film:
        assert len(list(film)) == frames
        assert film.get_meta_data()["duration"] == pytest.approx(milliseconds, abs=5)
