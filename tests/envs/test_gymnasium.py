"""Environments of Gymnasium: spaces, ends of episodes, replays, and mistakes in those of a user."""

from __future__ import annotations

import sys

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from helpers.paths import ROOT

from rrn.agents import make_agent
from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.envs import make_envs
from rrn.envs.gym_spaces import actions_of, frames_of


@pytest.fixture(autouse=True)
def own_environments(monkeypatch):
    """The folder with the module gym_toys."""
    monkeypatch.syspath_prepend(ROOT / "tests" / "data" / "own")


def games_of(env_id, copies=2, seeds=(7,), **options):
    config = compose_config([f"env={env_id}", *(f"env.{key}={value}" for key, value in options.items())])
    return make_envs(config.env, copies, seeds)


def play(games, steps, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [games.step(games.action_space.random(games.num_envs, generator).numpy()) for _ in range(steps)]


def test_env_gym_with_an_id_is_the_short_choice():
    short = compose_config(["env=LunarLander-v3", "agent=ppo"])
    assert compose_config(["agent=ppo", "env.id=LunarLander-v3", "env=gym"]) == short
    assert (short.env.name, short.agent.gamma, short.run_dir[:19]) == ("LunarLander-v3", 0.999, "runs/LunarLander-v3")


def test_ids_take_the_files_of_their_suites():
    agents = {env: compose_config([f"env={env}", "agent=ddqn"]).agent for env in ("Acrobot-v1", "gym_toys:Count-v0")}
    assert [agent.value_range for agent in agents.values()] == [[-100, 0], [-10, 10]]
    assert all(agent.target_every == 250 for agent in agents.values())
    cheetah, own = (compose_config([f"env={env}", "agent=ppo"]) for env in ("HalfCheetah-v5", "gym_toys:Count-v0"))
    assert (cheetah.agent.normalise_rewards, own.agent.normalise_rewards) == (True, False)
    assert (cheetah.steps, own.steps, own.agent.rollout, own.env.name) == (1_000_000, 500_000, 256, "Count-v0")


def test_a_cut_off_episode_is_not_a_terminated_one():
    games = games_of("gym_toys:Count-v0")
    for t in range(1, 6):
        step = games.step(np.array([0, int(t == 3)]))
        assert step.terminated.tolist() == [False, t == 3]
        assert step.truncated.tolist() == [t == 5, False]
        assert (step.final_frames[step.done] == t).all()
    assert step.observations[0].tolist() == [[0.0]]
    assert (step.episodes[0].length, step.episodes[0].score) == (5, 5.0)


def test_episodes_are_those_of_the_environment_itself():
    games, plain = games_of("Acrobot-v1", max_episode_steps=30), gymnasium.make("Acrobot-v1", max_episode_steps=30)
    seen, _ = plain.reset(seed=games.episode_seed(0))
    for actions in np.random.default_rng(0).integers(0, 3, (70, 2)):
        assert np.array_equal(games.observations[0, 0], seen)
        step = games.step(actions)
        seen, reward, terminated, truncated, _ = plain.step(int(actions[0]))
        assert (step.rewards[0], step.terminated[0], step.truncated[0]) == (reward, terminated, truncated)
        if terminated or truncated:
            assert np.array_equal(step.final_frames[0], seen)
            seen, _ = plain.reset(seed=games.episode_seed(0))


@pytest.mark.parametrize("env_id", ["gym_toys:Levers-v0", "gym_toys:Push-v0", "gym_toys:Pixels-v0"])
def test_a_replay_is_exact(env_id):
    games = games_of(env_id, stack=2)
    play(games, 31)
    other = games_of(env_id, stack=2, seeds=(99,))
    assert np.array_equal(other.load_state_dict(games.state_dict()), games.observations)
    for mine, theirs in zip(play(games, 25, seed=1), play(other, 25, seed=1), strict=True):
        assert np.array_equal(mine.observations, theirs.observations)
        assert np.array_equal(mine.rewards, theirs.rewards)
        for game, twin in zip(mine.episodes, theirs.episodes, strict=True):
            assert np.array_equal(game.actions, twin.actions)
            assert game.actions.shape[1:] == games.action_space.shape


def test_a_process_for_each_copy_shows_the_same():
    one, many = games_of("gym_toys:Push-v0"), games_of("gym_toys:Push-v0", vectorization="async")
    for mine, theirs in zip(play(one, 45), play(many, 45), strict=True):
        assert np.array_equal(mine.observations, theirs.observations)
        assert np.array_equal(mine.rewards, theirs.rewards)
        assert np.array_equal(mine.done, theirs.done)
    many.copies.close()


def test_a_probe_finds_out_what_cannot_be_replayed():
    exact, inexact = games_of("gym_toys:Seeded-v0"), games_of("gym_toys:Unseeded-v0")
    assert exact.notes() == []
    assert (
        inexact.notes()[-1] == "resume is not exact: Unseeded-v0 shows other observations for the same seed and actions"
    )
    assert any(
        note.startswith("note: env.id=gym_toys:Unseeded-v0: ") for note in inexact.notes()
    )  # Gymnasium's checker
    assert (exact.exact, inexact.exact) == (True, False)
    assert games_of("gym_toys:Unseeded-v0", exact="true").notes() == []


def test_what_cannot_be_replayed_starts_anew():
    games = games_of("gym_toys:Unseeded-v0", exact="false")
    play(games, 30)
    other = games_of("gym_toys:Unseeded-v0", exact="false")
    other.load_state_dict(games.state_dict())
    assert other.anew
    assert other.observations[:, 0, 2].tolist() == [0, 0]
    assert other.episode_numbers == [number + 1 for number in games.episode_numbers]
    with pytest.raises(UserError, match=r"show other screens .* env\.exact=false"):
        games_of("gym_toys:Seeded-v0").load_state_dict({**games.state_dict(), "exact": True})


@pytest.mark.parametrize(
    ("space", "shown", "shape", "frame"),
    [
        (spaces.Discrete(3, start=5), 6, (3,), [0, 1, 0]),
        (spaces.MultiBinary(2), [1, 0], (2,), [1, 0]),
        (spaces.MultiDiscrete([4, 4]), [3, 1], (2,), [3, 1]),
        (spaces.Box(0, 9, (2, 2), np.float64), [[1, 2], [3, 4]], (4,), [1, 2, 3, 4]),
        (spaces.Box(0, 255, (2, 2), np.uint8), [[1, 2], [3, 255]], (4,), [1, 2, 3, 255]),
        (spaces.Box(0, 9, (), np.float32), 2.5, (1,), [2.5]),
    ],
)
def test_observations_that_become_vectors(space, shown, shape, frame):
    frames = frames_of(space, "env")
    assert (frames.shape, frames.dtype) == (shape, torch.float32)
    assert frames.of(np.array([shown]))[0].tolist() == frame


@pytest.mark.parametrize("shape", [(40, 48), (40, 48, 3), (3, 40, 48)])
def test_images_have_their_channels_first(shape):
    image = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    frames = frames_of(spaces.Box(0, 255, shape, np.uint8), "env")
    assert (frames.shape, frames.dtype) == ((3, 40, 48) if len(shape) == 3 else shape, torch.uint8)
    expected = image.transpose(2, 0, 1) if shape[-1] == 3 else image
    assert np.array_equal(frames.of(image[None])[0], expected)


def test_actions_reach_the_environment_in_its_own_form():
    space, to_env = actions_of(spaces.Discrete(3, start=-1), "env")
    assert to_env(space.check(np.array([0, 2]), 2)).tolist() == [-1, 1]
    space, to_env = actions_of(spaces.Box(-1, 1, (2, 2), np.float64), "env")
    sent = to_env(space.check(np.array([[5, 0.25, -0.5, -7]]), 1))
    assert (sent.dtype, sent.tolist()) == (np.float64, [[[1, 0.25], [-0.5, -1]]])
    space, to_env = actions_of(spaces.MultiBinary((2, 2)), "env")
    assert to_env(space.check(np.array([[1, 0, 1, 1]]), 1)).tolist() == [[[1, 0], [1, 1]]]


def test_random_actions_fill_the_space():
    generator = torch.Generator().manual_seed(0)
    drawn = games_of("gym_toys:Push-v0").action_space.random(2000, generator)
    assert -0.5 <= drawn[:, 0].min() < -0.49 < 0.49 < drawn[:, 0].max() <= 0.5
    assert drawn[:, 1].min() == -1
    drawn = games_of("gym_toys:Levers-v0").action_space.random(300, generator)
    assert [sorted(set(column)) for column in drawn.T.tolist()] == [[0, 1], [0, 1, 2], [0, 1, 2, 3]]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("raise", "env.id=gym_toys:Faulty-v0 fails with RuntimeError: the motor is stuck"),
        ("observation", "expected observations of finite numbers, got NaN or infinity"),
        ("reward", "expected rewards that are finite numbers, got nan"),
        ("shape", "env.id=gym_toys:Faulty-v0 fails with ValueError"),
    ],
)
def test_a_fault_of_an_environment_is_one_sentence(fault, message):
    games = games_of("gym_toys:Faulty-v0", kwargs=f"{{fault: {fault}}}")
    with pytest.raises(UserError) as error:
        play(games, 5)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["env=gym_toys:Parts-v0"], "its observations are a Dict space, .* gymnasium.wrappers.FlattenObservation"),
        (
            ["env=Pendulum-v1", "agent=dqn"],
            r"agent=dqn: expected .* Discrete actions, Pendulum-v1 has Box .* agent=ppo\.",
        ),
        (["env=gym_toys:Levers-v0", "agent=sb3_ppo"], "agent=sb3_ppo: expected an environment with Discrete actions"),
        (["env=gym_toys:Pixels-v0", "agent=ppo", "agent.normalise_observations=true"], "expected false for pixels"),
        (["env=Acrobot-v1", "env.kwargs={no_such: 1}"], "env.id=Acrobot-v1 fails with TypeError: .*no_such"),
        (
            ["env=LunarLandr-v3"],
            "env.id=LunarLandr-v3: Environment `LunarLandr` doesn't exist. Did you mean: `LunarLander`?",
        ),
        (["env=LunarLander-v9"], "It provides versioned environments"),
        (["env=no_such_package:A-v0"], "no module no_such_package is to be found"),
        (["env=gym"], "env=gym: expected one id of Gymnasium beside it"),
        (["env=CartPole", "env.id=Acrobot-v1"], "env.id: expected env=gym beside it"),
        (["env=Acrobot-v1", "agent=ppo", "env.clip_rewards=true", "agent.normalise_rewards=true"], "env.clip_rewards"),
    ],
)
def test_mistakes(words, message):
    def begin():
        config = compose_config(words)
        return make_agent(config, make_envs(config.env, 1, (0,)), torch.device("cpu"))

    with pytest.raises(UserError, match=message):
        begin()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium.envs.box2d.lunar_lander", None)
    monkeypatch.setitem(sys.modules, "gymnasium.envs.box2d", None)

    def missing(*args, **kwargs):
        raise gymnasium.error.DependencyNotInstalled("Box2D is not installed")

    monkeypatch.setattr(gymnasium, "make", missing)
    with pytest.raises(UserError, match=r"env.id=LunarLander-v3 needs more packages: pip install 'gymnasium\[box2d\]'"):
        games_of("LunarLander-v3")
