"""Games that follow one another: each is the game alone, all copies change at once, and a resume changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from rrn.common.errors import UserError
from rrn.common.imports import import_string
from rrn.config.compose import compose_config
from rrn.envs import make_envs
from rrn.envs.minatar_video import picture

WORDS = ["env=MinAtar-Sequence", "env.sequence=[MinAtar-Breakout,MinAtar-Seaquest]", "env.switch_every=100"]


def games_of(*overrides, copies=2, reseed_after=0):
    return make_envs(compose_config([*WORDS, *overrides]).env, copies, (7,), reseed_after)


def play(games, steps):
    """Play agent steps `steps` of each copy with random actions that depend on the step alone; the results."""
    results = []
    for step in steps:
        games.at_step((step - 1) * games.num_envs + 1)
        actions = np.random.default_rng(step).integers(0, games.num_actions, games.num_envs)
        results.append(games.step(actions))
    return results


def test_each_game_is_the_game_alone_and_all_copies_change_at_the_first_step_after_it_is_due():
    games = games_of()
    results = play(games, range(1, 121))  # 240 agent steps: one game, the other, and the first again
    for number, name, steps in ((0, "MinAtar-Breakout", range(51)), (1, "MinAtar-Seaquest", range(51, 101))):
        cut = results[steps[-1]]
        assert cut.done.all()
        assert (cut.truncated | cut.terminated).all()
        assert len(cut.episodes) == 2
        episodes = [episode for step in steps for episode in results[step].episodes]
        assert {episode.number for episode in episodes} == {number}
        for episode in episodes:
            alone = make_envs(compose_config([f"env={name}"]).env, 1, ())
            alone.reset_rows(np.array([True]), [episode.seed])
            score = sum(alone.step_rows(np.array([action]))[1][0] for action in episode.actions[:-1])
            observations, reward, *_ = alone.step_rows(episode.actions[-1:])
            assert episode.score == score + reward
            last = next(results[step] for step in steps if any(one is episode for one in results[step].episodes))
            channels = observations.shape[2]
            assert np.array_equal(last.final_frames[episode.env][:channels], observations[0, 0])
            assert not last.final_frames[episode.env][channels:].any()
    assert [games.config.config_of(number).name for number in (0, 1, 2)] == [
        "MinAtar-Breakout",
        "MinAtar-Seaquest",
        "MinAtar-Breakout",
    ]
    assert games.number == 2


def test_a_game_that_comes_back_begins_another_episode():
    games = games_of(copies=1)
    episodes = [episode for step in play(games, range(1, 210)) for episode in step.episodes]
    assert {0, 1} <= {episode.number for episode in episodes}
    assert len({episode.seed for episode in episodes}) == len(episodes)


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (40, ()),
        (50, ()),  # the other game is due, but not begun
        (70, ()),
        (60, ("env=Atari-Sequence", "env.sequence=[Pong,Breakout]", "env.resize=bilinear", "env.noop_max=3")),
    ],
)
def test_the_state_brings_back_the_game_and_its_screens(at, words):
    whole, resumed = games_of(*words, reseed_after=5000), games_of(*words, reseed_after=5000)
    play(whole, range(1, at + 1))
    resumed.load_state_dict(whole.state_dict())
    assert np.array_equal(whole.observations, resumed.observations)
    steps = range(at + 1, at + 80)
    for mine, theirs in zip(play(whole, steps), play(resumed, steps), strict=True):
        for name in ("observations", "rewards", "terminated", "truncated", "done"):
            assert np.array_equal(getattr(mine, name), getattr(theirs, name)), name


def test_an_evaluation_plays_the_game_of_the_steps_before_it():
    games = games_of()
    for step, number in ((0, 0), (1, 0), (100, 0), (101, 1), (200, 1), (201, 2)):
        games.at_step(step)
        games.reset((step, 1))
        assert games.number == number


def test_a_video_shows_the_game_that_was_played():
    games = games_of(copies=1)
    games.at_step(150)
    games.reset()
    seen = [games.observations[0, 0].copy()]
    while True:
        step = games.step(np.array([len(seen) % 6]))
        if step.episodes:
            break
        seen.append(step.observations[0, 0].copy())
    config, (episode,) = games.config, step.episodes
    frames = list(import_string(config.video)(config, episode).frames)
    seen.append(step.final_frames[0])
    assert len(frames) == episode.length + 1
    assert all(np.array_equal(frame, picture(channels)) for frame, channels in zip(frames, seen, strict=True))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["env.sequence=[Breakout]"], "Breakout: no such game. Did you mean MinAtar-Breakout"),
        (["env.sequence=[]"], "expected a list of games"),
        (["env=Atari-Sequence", "env.sequence=[Pong]", "env.full_action_space=false"], "true in a sequence of games"),
    ],
)
def test_mistakes_end_in_a_sentence(words, sentence):
    with pytest.raises(UserError, match=sentence):
        games_of(*words)
