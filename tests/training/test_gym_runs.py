"""Runs in environments of Gymnasium: trained, stopped, resumed and evaluated like any other."""

from __future__ import annotations

import subprocess
import sys

import pytest
from helpers.marks import slow
from helpers.paths import ROOT
from helpers.tensors import differences

from rrn.config.compose import compose_config
from rrn.config.load import load_run_config
from rrn.runs import checkpoint
from rrn.training.run import train

ENVIRONMENTS = [  # agent, environment
    "ppo gym_toys:Push-v0",
    "dqn gym_toys:Pixels-v0",
    *slow(
        "dqn CartPole-v1",
        "ppo Acrobot-v1",
        "dqn LunarLander-v3",
        "ppo LunarLander-v3",
        "ppo HalfCheetah-v5",
        "ppo gym_toys:Pixels-v0",
        "ppo gym_toys:Levers-v0",
        "ppo gym_toys:FlatParts-v0",
        "sb3_dqn gym_toys:Pixels-v0",
        "sb3_ppo gym_toys:Seeded-v0",
    ),
]


@pytest.fixture(autouse=True)
def own_environments(monkeypatch):
    """The folder with the module gym_toys."""
    monkeypatch.syspath_prepend(ROOT / "tests" / "data" / "own")


def words(agent, env, *more):
    # without schedules that depend on the number of steps
    small = {
        "ppo": ["agent.rollout=20", "agent.anneal=false"],
        "sb3_ppo": ["agent.n_steps=20", "agent.anneal=false"],
        "sb3_dqn": ["agent.exploration_initial_eps=0.1"],
    }.get(agent, [])
    return [f"agent={agent}", f"env={env}", "experiment=smoke", "act=relu", "threads=1", "device=cpu", *small, *more]


@pytest.mark.parametrize("agent_and_env", ENVIRONMENTS)
def test_a_resumed_run_ends_with_the_bits_of_one_that_was_not_stopped(tmp_path, agent_and_env):
    agent, env = agent_and_env.split()
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train(compose_config(words(agent, env, f"run_dir={whole}"))) is None
    assert train(compose_config(words(agent, env, f"run_dir={parts}", "steps=200"))) is None
    assert train(compose_config(words(agent, env, f"run_dir={parts}", "resume=true"))) is None
    one, other = (checkpoint.load_last(folder / "checkpoints")[1] for folder in (whole, parts))
    kept = [{key: state[key] for key in ("step", "agent", "learner", "random")} for state in (one, other)]
    assert list(differences(*kept)) == []
    assert one["learner"]["games"]["exact"] is True


def test_a_run_that_cannot_be_replayed_says_so_and_goes_on_with_new_episodes(tmp_path, capfd):
    ours = words("dqn", "gym_toys:Unseeded-v0", f"run_dir={tmp_path}/run", "env.num_envs=2")
    assert train(compose_config([*ours, "steps=200"])) is None
    assert "resume is not exact: Unseeded-v0 shows other observations" in capfd.readouterr().err
    before = checkpoint.load_last(tmp_path / "run" / "checkpoints")[1]["learner"]
    assert before["games"]["exact"] is False
    assert not before["starting"].all()
    assert train(compose_config([*ours, "resume=true"])) is None
    assert "going on from step_0000000200.pt; the resume is not exact: new episodes start" in capfd.readouterr().err
    after = checkpoint.load_last(tmp_path / "run" / "checkpoints")[1]["learner"]["replay"]
    for env in range(2):
        row = before["replay"]["added"][env]  # the frame at which the old episode was cut off
        assert after["final"][env][row] == (not before["starting"][env])
        assert after["start"][env][row + int(not before["starting"][env])]


@pytest.mark.slow
def test_a_run_is_evaluated_with_a_video_of_the_environment(tmp_path):
    env = {"cwd": tmp_path, "capture_output": True, "text": True}
    command = [sys.executable, "-m"]
    done = subprocess.run([*command, "rrn.train", *words("ppo", "CartPole-v1")], **env)
    assert done.returncode == 0, done.stderr
    assert load_run_config(tmp_path / "runs/CartPole-v1/ppo-relu/seed0").env.id == "CartPole-v1"
    played = subprocess.run(
        [*command, "rrn.evaluate", "runs/CartPole-v1/ppo-relu/seed0", "episodes=2", "video=out.gif"], **env
    )
    assert played.returncode == 0, played.stderr
    assert (tmp_path / "out.gif").stat().st_size > 1000
