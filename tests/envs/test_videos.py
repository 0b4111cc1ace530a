"""Videos of games: the pictures are those of the game that was played, in all suites that draw any."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.paths import ROOT

from rrn.common.errors import UserError
from rrn.common.imports import import_string
from rrn.config.compose import compose_config
from rrn.envs import make_envs
from rrn.envs.minatar_video import PIXELS, picture


def played(env, *options):
    """Play one game at random; its configuration, the observations of the game, and the episode."""
    config = compose_config([f"env={env}", *options]).env
    games, generator = make_envs(config, 1, (3,)), np.random.default_rng(0)
    seen = [games.observations[0, -1].copy()]
    while True:
        step = games.step(generator.integers(games.num_actions, size=1))
        if step.episodes:
            return config, [*seen, step.final_frames[0]], step.episodes[0]
        seen.append(step.observations[0, -1].copy())


def video_of(config, episode):
    return import_string(config.video)(config, episode)


@pytest.mark.parametrize("name", ["MinAtar-Seaquest", "MinAtar-Freeway"])
def test_a_video_of_minatar_shows_the_game_that_was_played(name):
    config, seen, episode = played(name, "env.step_cap=60", "env.sticky_actions=0.3")
    frames = list(video_of(config, episode).frames)
    assert len(frames) == len(seen) == episode.length + 1
    assert all(np.array_equal(frame, picture(channels)) for frame, channels in zip(frames, seen, strict=True))


def test_channels_of_minatar_have_colours_of_their_own_and_the_player_is_in_front():
    channels = np.zeros((10, 10, 10), dtype=bool)
    channels[np.arange(10), np.arange(10), 2] = True  # channel k in row k
    channels[0, 0, 5] = channels[7, 0, 5] = True
    drawn = picture(channels)
    assert drawn.shape == (10 * PIXELS, 10 * PIXELS, 3)
    middle = drawn[PIXELS // 2 :: PIXELS, PIXELS // 2 :: PIXELS]
    colours = {tuple(colour) for colour in middle[:, 2]}
    assert len(colours) == 10
    assert all(max(colour) > 100 for colour in colours)
    assert (middle[0, 5] == middle[0, 2]).all()
    assert not middle[:, 8].any()


def test_a_video_of_gymnasium_has_a_frame_for_each_step_at_its_own_speed():
    config, seen, episode = played("CartPole")
    video = video_of(config, episode)
    frames = list(video.frames)
    assert (video.per_second, len(frames), frames[0].shape) == (50, len(seen), (400, 600, 3))
    columns = [(frame[288:297] == 0).all(2).any(0).nonzero()[0].mean() for frame in frames]  # of the black cart
    assert np.allclose(columns, [300 + position * 600 / 4.8 for position, *_ in seen], atol=2)


def test_an_environment_without_pictures_says_so(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests" / "data" / "own")
    config, _, episode = played("gym_toys:Count-v0")
    with pytest.raises(UserError, match=r"env.id=gym_toys:Count-v0 has no render mode rgb_array"):
        video_of(config, episode)


def test_atari_is_shown_at_60_frames_a_second():
    config, _, episode = played("Pong", "env.frame_cap=48")
    video = video_of(config, episode)
    frames = list(video.frames)
    assert (video.per_second, len(frames), frames[0].shape) == (60, 49, (420, 320, 3))
