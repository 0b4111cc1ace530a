"""rrn.load: agents of all kinds, from files of weights and checkpoints, with observations of their environments."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import rrn
from rrn.common.errors import UserError
from rrn.envs import make_envs
from rrn.envs.shape import EnvShape
from rrn.envs.spaces import Box, Discrete, MultiDiscrete
from rrn.runs import checkpoint
from rrn.training.trained_agent import load_agent, load_checkpoint

SMALL = ["experiment=smoke", "act=rational"]


@pytest.mark.parametrize("agent", ["dqn", "ppo", "pqn"])
def test_it_acts_as_the_run_does(train_here, agent):
    folder = train_here(f"agent={agent}", "env=CartPole", *SMALL)
    loaded = rrn.load(folder, "last")
    env = loaded.make_env()
    observation, _ = env.reset(seed=0)
    path, state = checkpoint.load_last(folder / "checkpoints")
    games = make_envs(loaded.config.env, 1, (0,))
    own = load_agent(folder, loaded.config, games, torch.device("cpu"), path, state)
    own.deterministic = True
    for _ in range(10):
        action = loaded.act(observation)
        assert type(action) is int
        assert action == own.act(observation[None, None], 0.0)[0]
        observation = env.step(action)[0]
    batch = loaded.act(np.stack([observation, observation]))
    assert batch.shape == (2,)
    assert not loaded.network.training
    assert loaded.evaluate(2).keys() == {"mean", "median", "min", "max", "games"}
    with pytest.raises(
        ValueError, match=r"expected an observation \[1, 4\] of CartPole, or a batch of them, got \[3\]"
    ):
        loaded.act(np.zeros(3))


def test_the_best_evaluation_is_kept_and_all_if_asked(train_here):
    folder = train_here("env=CartPole", *SMALL, "checkpoint.weights=all", "evaluation.every=100")
    lines = (folder / "scalars.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines if ",evaluation/mean," in line]
    scores = {int(step): float(score) for step, _, score in rows}
    best = max(scores, key=lambda step: (scores[step], -step))
    loaded = rrn.load(folder)
    assert (loaded.step, loaded.score) == (best, scores[best])
    assert [rrn.load(folder, step).score for step in scores] == list(scores.values())
    assert rrn.load(folder, "last").step == 400
    assert f"score={scores[best]:.4g}" in repr(loaded)
    assert "<table>" in loaded._repr_html_()
    with pytest.raises(UserError, match=r"77: there is no such file of .*; weights of each evaluation are kept with"):
        rrn.load(folder, 77)


def test_weights_are_small_and_hold_no_replay_buffer(train_here):
    folder = train_here("agent=dqn", "env=CartPole", *SMALL)
    last = sorted((folder / "checkpoints").iterdir())[-1]
    assert (folder / "weights" / "best.pt").stat().st_size < last.stat().st_size / 3
    assert checkpoint.load(folder / "weights" / "last.pt")["agent"].keys() == {"network"}


def test_runs_without_weights_are_loaded_from_their_checkpoint(train_here):
    folder = train_here("env=CartPole", *SMALL, "checkpoint.weights=none")
    assert not (folder / "weights").exists()
    loaded = rrn.load(folder)
    assert (loaded.path.name, loaded.step) == ("step_0000000400.pt", 400)


def test_a_resumed_run_keeps_the_best_of_before(train_here):
    folder = train_here("env=CartPole", *SMALL)
    state = checkpoint.load(folder / "weights" / "best.pt")
    checkpoint.write(folder / "weights" / "best.pt", {**state, "score": 1e6})
    path, last = checkpoint.load_last(folder / "checkpoints")
    last["best"] = {"step": 0, "score": 1e6}
    last.pop("format")
    checkpoint.save(path.parent, 400, last, 2)
    train_here("env=CartPole", *SMALL, "steps=600", "resume=true")
    assert rrn.load(folder).score == 1e6
    assert rrn.load(folder, "last").step == 600


def test_weights_of_another_run_are_refused(train_here):
    one, other = (train_here("env=CartPole", *SMALL, f"seed={seed}") for seed in (0, 1))
    config = rrn.load(one).config
    with pytest.raises(UserError, match="this checkpoint is of a run with another configuration"):
        load_checkpoint(one, config, str(other / "weights" / "best.pt"))


@pytest.mark.slow
@pytest.mark.parametrize("env", ["MinAtar-Breakout", "Pong"])
def test_games_are_environments_of_gymnasium_and_load_without_them(train_here, env):
    folder = train_here(f"env={env}", "experiment=smoke", "act=relu")
    load = f"import sys, rrn; print(rrn.load({str(folder)!r}).step, *(name in sys.modules for name in "
    code = f"{load} ('ale_py', 'minatar')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split()[1:] == ["False", "False"], done.stderr
    loaded = rrn.load(folder)
    game = loaded.make_env()
    check_env(game, skip_render_check=True)
    observation, _ = game.reset(seed=5)
    again, _ = game.reset(seed=5)
    assert np.array_equal(observation, again)
    assert game.observation_space.contains(observation)
    assert isinstance(loaded.act(observation), int)


@pytest.mark.parametrize(
    "space", [Discrete(3), MultiDiscrete([2, 5]), Box(np.array([-1, -np.inf]), np.array([1, 3.0]))]
)
def test_a_shape_is_read_as_it_was_written(space):
    shape = EnvShape((4, 84, 84), torch.uint8, 4, space)
    again = EnvShape.from_state(shape.state_dict())
    assert again.state_dict() == shape.state_dict()
    assert (again.frame_type, again.num_actions) == (torch.uint8, shape.num_actions)
