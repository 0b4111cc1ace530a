"""The environments: every trap of the emulator, and games as pure functions of seed and actions."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from ale_py import roms
from ale_py.vector_env import AtariVectorEnv
from helpers.atari import games_of, random_actions
from helpers.marks import slow

from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.config.games import TWO_PLAYERS, atari_games
from rrn.envs.atari import emulator_options


def test_every_game_for_one_player_is_there():
    registered = {name[4:-3] for name in gymnasium.registry if name.startswith("ALE/")}
    assert set(atari_games()) == registered
    assert len(atari_games()) == 104
    assert all(roms.get_rom_path(game).is_file() for game in atari_games().values())
    assert not set(TWO_PLAYERS) & set(atari_games())


def test_a_lost_life_ends_an_episode_but_not_the_game():
    games = games_of("Breakout")
    lost = ended = 0
    for actions in random_actions(games, 300):
        step = games.step(actions)
        lost += (step.terminated & ~step.done).sum()
        ended += step.done.sum()
        assert (step.terminated | ~step.done).all()
        assert len(step.episodes) == step.done.sum()
    assert ended >= 3
    assert lost >= 4 * (ended - 2)  # five lives a game


def test_without_life_loss_only_the_end_of_the_game_terminates():
    games = games_of("Breakout", life_loss="false")
    for actions in random_actions(games, 200):
        step = games.step(actions)
        assert (step.terminated == step.done).all()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "wanted"), [("Breakout", 3), ("Adventure", 1)])
def test_a_game_is_over_when_the_emulator_says_so_without_life_signals(name, wanted):
    """Adventure ends with a life left: `lives == 0` alone would never see it."""
    games = games_of(name)
    plain = AtariVectorEnv(
        game=atari_games()[name], num_envs=2, frameskip=4, maxpool=False, noop_max=30, use_fire_reset=False
    )
    plain.reset(seed=np.array([games.episode_seed(0), games.episode_seed(1)]))
    ends = 0
    for actions in random_actions(games, 1200):
        step = games.step(actions)
        _, _, terminated, truncated, _ = plain.step(actions)
        assert (step.done == (terminated | truncated)).all()
        if step.done.any():
            ends += 1
            seeds = np.array([games.episode_seed(env) for env in np.flatnonzero(step.done)])
            plain.reset(seed=seeds, options={"reset_mask": step.done})
        if ends == wanted:
            break
    assert ends == wanted


def test_all_actions_of_the_console():
    few, all_of_them = games_of("Pong"), games_of("Pong", full_action_space="true")
    assert (few.num_actions, all_of_them.num_actions) == (6, 18)
    all_of_them.step(np.array([17, 0]))


def test_scores_are_raw():
    games = games_of("SpaceInvaders")
    rewards = [games.step(actions).rewards for actions in random_actions(games, 100)]
    assert np.max(rewards) > 1


def test_the_score_and_the_actions_of_a_finished_game():
    games = games_of("Breakout")
    total, played = np.zeros(2), [[], []]
    for actions in random_actions(games, 280):
        step = games.step(actions)
        total += step.rewards
        for env in range(2):
            played[env].append(actions[env])
        for game in step.episodes:
            assert game.score == total[game.env]
            assert game.actions.tolist() == played[game.env]
            total[game.env], played[game.env] = 0, []


def assert_same_future(games, other, actions):
    for row in actions:
        mine, theirs = games.step(row), other.step(row)
        assert np.array_equal(mine.observations, theirs.observations)
        assert np.array_equal(mine.rewards, theirs.rewards)
        assert np.array_equal(mine.done, theirs.done)
        for game, twin in zip(mine.episodes, theirs.episodes, strict=True):
            assert (game.score, game.seed, game.actions.tolist()) == (twin.score, twin.seed, twin.actions.tolist())


@pytest.mark.parametrize(
    "name",
    ["CartPole", "MinAtar-Asterix", *slow("Breakout", "Tetris")],
)
def test_state_is_exact(name):
    """Games of different lengths, sticky actions, in the middle: seed and actions give the same future."""
    options = {} if name == "CartPole" else {"sticky_actions": 0.25}
    games = games_of(name, **options)
    actions = random_actions(games, 280)
    for row in actions[:240]:
        games.step(row)
    other = games_of(name, seeds=(99,), **options)
    observations = other.load_state_dict(games.state_dict())
    assert np.array_equal(observations, games.observations)
    assert_same_future(games, other, actions[240:])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "paper"),
    [
        ("Breakout", True),
        ("Qbert", False),
        ("Pong", False),
    ],
)
def test_state_is_exact_over_several_games_of_one_seed(name, paper):
    """Games that are cut off soon: some start without a seed, and the state is the way since the last one."""
    options = {"sticky_actions": 0.25, "frame_cap": 160, "reseed_after": 70}
    if paper:
        options |= {"resize": "bilinear", "fire": "true"}
    games = games_of(name, **options)
    actions = random_actions(games, 180)
    seeded = set()
    for row in actions[:130]:
        games.step(row)
        seeded |= {(env, games.seeded[env]) for env in range(2)}
    assert 2 < len(seeded) < sum(games.episode_numbers) + 2  # each copy was seeded again, but not for each game
    assert any(games.earlier)
    other = games_of(name, seeds=(99,), **options)
    observations = other.load_state_dict(games.state_dict())
    assert np.array_equal(observations, games.observations)
    assert (other.episode_numbers, other.seeded, other.earlier) == (games.episode_numbers, games.seeded, games.earlier)
    assert_same_future(games, other, actions[130:])


def test_a_state_that_leads_to_other_screens_is_refused():
    games = games_of("Pong")
    for row in random_actions(games, 50):
        games.step(row)
    state = games.state_dict()
    state["observations"][0, 0, 40, 40] ^= 255
    with pytest.raises(UserError, match="ale-py"):
        games_of("Pong").load_state_dict(state)


def test_frame_cap_cuts_off_and_shows_the_last_frame():
    games = games_of("Pong", frame_cap=400)
    plain = games_of("Pong", frame_cap=400).emulator
    plain.reset(seed=np.array([games.episode_seed(0), games.episode_seed(1)]))
    for row in random_actions(games, 110):
        step = games.step(row)
        observations, *_ = plain.step(row)  # which does not start the next game at once
        if step.done.any():
            break
    env = int(np.flatnonzero(step.done)[0])
    assert 90 <= step.episodes[0].length <= 100
    assert step.truncated[env]
    assert not step.terminated[env]
    assert np.array_equal(step.final_frames[env], observations[env, -1])
    assert (step.observations[env, :-1] == 0).all()


def test_a_life_lost_with_the_last_frame_does_not_hide_the_end_of_a_game():
    """With `life_loss_info` the emulator would report the life alone, and start the next game all the same."""
    games, both = games_of("Breakout", seeds=(3,), frame_cap=299), 0
    for actions in random_actions(games, 160):
        step = games.step(actions)
        started = ~step.observations[:, :3].any(axis=(1, 2, 3))  # the older frames are zeros
        assert np.array_equal(step.done, started)
        assert all(game.length <= 75 for game in step.episodes)
        both += (step.terminated & step.truncated).sum()
    assert both > 0


@pytest.mark.parametrize("resize", ["area", "bilinear"])
def test_a_game_starts_with_a_stack_of_zeros(resize):
    games = games_of("Breakout", resize=resize)
    assert (games.observations[:, :3] == 0).all()
    assert games.observations[:, 3].any()


@pytest.mark.parametrize("actions", [[0, 6], [-1, 0], [0], [0, 0, 0]])
def test_wrong_actions_are_refused_before_they_hang_the_emulator(actions):
    with pytest.raises(ValueError, match=r"expected 2 actions in 0\.\.5"):
        games_of("Pong").step(np.array(actions))


def test_each_game_has_a_seed_of_its_own():
    games = games_of("Breakout", copies=4)
    seeds = {games.episode_seed(env) for env in range(4)}
    games.seeded = [1] * 4
    seeds |= {games.episode_seed(env) for env in range(4)}
    assert len(seeds) == 8
    assert len({games_of("Pong", 1, key).episode_seed(0) for key in ((0, 0), (0, 1), (1, 0))}) == 3


@pytest.mark.parametrize("resize", ["area", "bilinear"])
def test_observations_of_a_step_are_not_overwritten_by_the_next(resize):
    games = games_of("Pong", resize=resize)
    first = games.step(np.array([0, 0])).observations
    copy = first.copy()
    for row in random_actions(games, 20):
        games.step(row)
    assert np.array_equal(first, copy)


def test_options_of_the_emulator_are_those_of_the_configuration():
    config = compose_config(["env=Pong", "env.max_pool=true", "env.sticky_actions=0.25"]).env
    options = emulator_options(config, 3)
    assert (options["maxpool"], options["repeat_action_probability"], options["num_envs"]) == (True, 0.25, 3)
    assert (options["noop_max"], options["max_num_frames_per_episode"]) == (config.noop_max, config.frame_cap)
