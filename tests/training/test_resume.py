"""A run that was killed goes on bit for bit as if nothing had been; a stopped one says how."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.paths import DATA
from helpers.processes import Command, kill_after
from helpers.scalars import read_scalars
from helpers.terminal import fork_on_terminal

from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.runs import checkpoint
from rrn.runs.status_file import read_status
from rrn.training.run import train
from rrn.training.trainer import Trainer

pytestmark = pytest.mark.slow

LONG = ("steps=800", "checkpoint.every=100", "evaluation.every=400")
RUNS = {
    "pong": [
        "act=recurrent_rational",
        "env.sticky_actions=0.25",
        "env.num_envs=2",
        "agent.batch_size=8",
        "agent.warmup=100",
        "steps=120",
        "checkpoint.every=40",
        "evaluation.every=60",
        "evaluation.episodes=null",
        "evaluation.steps=1",
        "env.frame_cap=160",
        "log_every=20",
    ],
    "ppo": [
        *("agent=ppo", "act=recurrent_rational", "env.frame_cap=160"),
        *("steps=200", "checkpoint.every=50", "evaluation.every=100"),
    ],
    "pqn": [
        *("agent=pqn", "act=recurrent_rational", "env.frame_cap=160"),
        *("steps=200", "checkpoint.every=50", "evaluation.every=100"),
    ],
    "pqn on vectors": ["agent=pqn", "env=CartPole", "act=rational", "act.version=D", *LONG],
    "sb3_dqn": ["agent=sb3_dqn", "env=CartPole", "act=rational", "steps=800", "checkpoint.every=100"],
    "sb3_ppo": ["agent=sb3_ppo", "env=MinAtar-Breakout", "act=rational", "steps=800", "checkpoint.every=160"],
    "noise": ["env=CartPole", "act=rational", "act.version=D", "agent=ddqn", *LONG],
    "variants": [
        *("env=CartPole", "agent.dueling=true", "agent.n_step=3", "agent.distributional=true"),
        *("agent.prioritised=true", "agent.noisy=true", "agent.value_range=[0,100]"),
        *LONG,
    ],
    "drq": [
        *("agent=drq", "env=Pong", "act=rational", "env.frame_cap=160", "agent.batch_size=4", "agent.train_every=2"),
        *("steps=160", "checkpoint.every=40", "evaluation.every=80"),
    ],
    "der": [
        *("agent=der", "env=Pong", "act=recurrent_rational", "env.frame_cap=160", "agent.batch_size=4"),
        *("agent.train_every=2", "agent.priority_beta_steps=100", "steps=160"),
        *("checkpoint.every=40", "evaluation.every=80"),
    ],
    "impala": [
        *("env=MinAtar-Breakout", "act=recurrent_rational", "network=impala", "network.norm=layer"),
        *("agent.batch_size=4", "steps=160", "checkpoint.every=40", "evaluation.every=160"),
    ],
    "sequence": [
        *("env=MinAtar-Sequence", "act=rational", "env.switch_every=90", "agent.gradient_steps=2"),
        *("steps=400", "checkpoint.every=40", "evaluation.every=100"),
    ],
    "own network": ["env=CartPole", "act=rational", "network.target=toy:Branches", "agent.noisy=true", *LONG],
}


@pytest.fixture
def begin(start):
    """Start a training in a folder, in a process of its own."""

    def run(folder: Path, *overrides: str, **how) -> Command:
        words = ["experiment=smoke", "threads=1", "device=cpu", *overrides, f"run_dir={folder}"]
        return start("rrn.train", *words, **how)

    return run


def finish(folder: Path, *overrides: str) -> None:
    """The same in this process, to the end."""
    arguments = ["experiment=smoke", "threads=1", "device=cpu", *overrides, f"run_dir={folder}"]
    assert train(compose_config(arguments)) is None


def wait_for(path: Path) -> None:
    limit = time.monotonic() + 900
    while not path.exists():
        assert time.monotonic() < limit
        time.sleep(0.02)


def actions(state: dict) -> list[torch.Tensor]:
    """Of the games that were going on."""
    return state["learner"]["games"]["actions"]


@pytest.mark.parametrize("name", RUNS)
def test_killed_and_resumed_is_bit_for_bit_the_same(begin, tmp_path, capsys, monkeypatch, name):
    monkeypatch.syspath_prepend(str(DATA / "own"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(DATA / "own"), os.getenv("PYTHONPATH")])))
    site = "acts.0" if name == "own network" else "act1"
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(whole, *RUNS[name])
    kill_after(begin(killed, *RUNS[name]), killed, 1, 0.1)
    for _ in range(2 if name in ("drq", "der") else 1):
        kill_after(begin(killed, *RUNS[name], "resume=true"), killed, 1, 0.05)
    finish(killed, *RUNS[name], "resume=true")
    assert "going on from step_" in capsys.readouterr().err
    mine, theirs = (checkpoint.load_last(folder / "checkpoints")[1] for folder in (whole, killed))
    for part in mine["agent"].keys() & {"network", "target", "policy"}:
        same = (torch.equal(value, theirs["agent"][part][key]) for key, value in mine["agent"][part].items())
        assert all(same), part
    assert torch.equal(mine["agent"]["generator"], theirs["agent"]["generator"])
    assert all(torch.equal(a, b) for a, b in zip(actions(mine), actions(theirs), strict=True))
    rows = read_scalars(whole)
    assert rows == read_scalars(killed)
    names = {row[1] for row in rows}
    assert {"evaluation/mean", "train/loss", f"coefficients/{site}/a0"} <= names
    assert {f"plasticity/{name}/{site}" for name in ("gradient_norm", "moved", "moved_since_start")} <= names
    assert "game/return" in names


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_a_checkpoint_and_one_line(begin, tmp_path, number):
    folder = tmp_path / "run"
    steps = ("steps=1000000", "checkpoint.every=1000000", "evaluation.every=1000000")
    process = begin(folder, "env=CartPole", *steps, "++resume=true")
    wait_for(folder / "shapes.png")  # the first evaluation is over
    process.send_signal(number)
    output = process.communicate(timeout=900)[0]
    assert process.returncode == 128 + number
    assert "Traceback" not in output
    path, state = checkpoint.load_last(folder / "checkpoints")
    last = output.strip().splitlines()[-1]
    assert last.startswith(f"stopped at step {state['step']}; go on with: python -m rrn.train experiment=smoke")
    assert last.endswith("resume=true")
    assert last.count("resume=") == 1
    assert path.exists()


def test_a_run_whose_terminal_is_lost_ends_with_a_checkpoint(tmp_path):
    arguments = ["rrn.train", "experiment=smoke", "env=CartPole", "steps=1000000", "checkpoint.every=1000000"]
    folder = tmp_path / "run"
    process, terminal = fork_on_terminal([*arguments, "threads=1", "device=cpu", "run_dir=run"], tmp_path)
    wait_for(folder / "shapes.png")
    os.close(terminal)
    process.send_signal(signal.SIGHUP)  # the shell says so too
    assert process.wait(timeout=900) == 128 + signal.SIGHUP
    status = read_status(folder)
    assert (status.state, status.why) == ("stopped", "SIGHUP")
    assert checkpoint.load_last(folder / "checkpoints")[1]["step"] == status.step < 1_000_000


def test_a_run_that_is_not_told_goes_on_without_its_terminal(tmp_path):
    arguments = ["rrn.train", "experiment=smoke", "env=CartPole", "steps=1000", "evaluation.every=500"]
    arguments += ["threads=1", "device=cpu", "run_dir=run"]
    process, terminal = fork_on_terminal(arguments, tmp_path, hang_up=signal.SIG_IGN)
    wait_for(tmp_path / "run" / "shapes.png")
    os.close(terminal)
    assert process.wait(timeout=900) == 0
    assert read_status(tmp_path / "run").state == "done"


def test_what_is_left_of_a_run_is_not_begun_over(train_here, tmp_path):
    """Files that were lost are the user's to bring back: a new run would delete the checkpoints."""
    train_here("env=CartPole", "experiment=smoke", "steps=50", f"run_dir={tmp_path}")
    again = compose_config(["env=CartPole", "experiment=smoke", "steps=80", f"run_dir={tmp_path}", "resume=true"])
    log = (tmp_path / "scalars.csv").read_text()
    (tmp_path / "scalars.csv").write_text(log[:-20])
    with pytest.raises(UserError, match=r"scalars\.csv: it is shorter than it was at the checkpoint"):
        train(again)
    (tmp_path / "config.yaml").unlink()
    for resume, sentence in ((True, "or delete it to go on without what it held"), (False, "a run is here already")):
        with pytest.raises(UserError, match=sentence):
            train(replace(again, resume=resume))
    assert checkpoint.find(tmp_path / "checkpoints")


def test_a_run_under_nohup_does_not_care(begin, tmp_path):
    process = begin(tmp_path / "run", "env=CartPole", "steps=1000", "evaluation.every=1000", hang_up=signal.SIG_IGN)
    wait_for(tmp_path / "run" / "shapes.png")
    process.send_signal(signal.SIGHUP)
    output = process.communicate(timeout=900)[0]
    assert process.returncode == 0, output
    assert "finished at step 1000" in output


def test_a_second_ctrl_c_ends_it_without_a_traceback(begin, tmp_path):
    """At once, or after a checkpoint if the first one has led to that already."""
    folder = tmp_path / "run"
    process = begin(folder, "env=CartPole", "steps=1000000", "checkpoint.every=1000000", "evaluation.every=1000000")
    wait_for(folder / "config.yaml")
    process.send_signal(signal.SIGINT)
    time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=900)[0]
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in output
    assert output.strip().splitlines()[-1].startswith(("stopped at once; what is on disk is left", "stopped at step"))
    assert read_status(folder).why in ("at once, without a checkpoint", "SIGINT")


def test_a_finished_run_is_not_run_over(train_here, command):
    folder = train_here("env=CartPole", "experiment=smoke", "steps=50")
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "lock"}
    arguments = ("rrn.train", "env=CartPole", "experiment=smoke", "steps=50", "threads=1", "device=cpu")
    again = command(*arguments)
    assert again.returncode == 2
    assert "a run is here already; go on with resume=true" in again.stderr
    assert "Traceback" not in again.stderr
    assert {p: p.read_bytes() for p in before} == before
    resumed = command(*arguments, "resume=true")
    assert resumed.returncode == 0, resumed.stderr
    assert "finished at step 50" in resumed.stdout


def test_more_steps_can_be_added_but_nothing_else_changed(train_here, command):
    train_here("env=CartPole", "experiment=smoke", "steps=50")
    arguments = ("rrn.train", "env=CartPole", "experiment=smoke", "threads=1", "device=cpu", "resume=true")
    other = command(*arguments, "steps=50", "agent.gamma=0.9")
    assert other.returncode == 2
    assert "the run here is of another configuration (agent.gamma was 0.99 and is 0.9)" in other.stderr
    longer = command(*arguments, "steps=80")
    assert longer.returncode == 0, longer.stderr
    assert "finished at step 80" in longer.stdout


def test_a_run_without_a_checkpoint_is_not_gone_over_with_other_settings(train_here, command):
    folder = train_here("env=CartPole", "experiment=smoke", "steps=50")
    for path in (folder / "checkpoints").iterdir():
        path.unlink()
    before = (folder / "scalars.csv").read_bytes()
    arguments = ("rrn.train", "env=CartPole", "experiment=smoke", "steps=50", "device=cpu", "threads=1", "resume=true")
    other = command(*arguments, "agent.gamma=0.9")
    assert other.returncode == 2
    assert (folder / "scalars.csv").read_bytes() == before
    same = command(*arguments)
    assert same.returncode == 0, same.stderr
    assert "no checkpoint is here to go on from; this run starts at step 0" in same.stderr


def test_two_processes_do_not_share_a_folder(begin, tmp_path):
    folder = tmp_path / "run"
    first = begin(folder, "env=CartPole", "steps=1000000", "evaluation.every=1000000", "checkpoint.every=1000000")
    limit = time.monotonic() + 900
    while not (folder / "config.yaml").exists():
        assert time.monotonic() < limit
        time.sleep(0.02)
    second = begin(folder, "env=CartPole", "steps=1000000", "resume=true")
    output = second.communicate(timeout=900)[0]
    first.kill()
    first.communicate()
    assert second.returncode == 2
    assert "another process is training here" in output


def test_a_damaged_last_checkpoint_costs_only_the_way_from_the_one_before(train_here, command):
    overrides = ["env=CartPole", "experiment=smoke", "steps=100", "checkpoint.every=50"]
    folder = train_here(*overrides)
    rows = read_scalars(folder)
    last = checkpoint.find(folder / "checkpoints")[-1]
    last.write_bytes(last.read_bytes()[:1000])
    resumed = command("rrn.train", *overrides, "threads=1", "device=cpu", "resume=true")
    assert resumed.returncode == 0, resumed.stderr
    assert "damaged" in resumed.stderr
    assert "going on from step_0000000050.pt" in resumed.stderr
    assert read_scalars(folder) == rows


def test_where_all_checkpoints_are_damaged_the_status_keeps_its_step(train_here, command):
    folder = train_here("env=CartPole", "experiment=smoke", "steps=50")
    for path in (folder / "checkpoints").glob("*.pt"):
        path.write_bytes(path.read_bytes()[:1000])
    resumed = command(
        "rrn.train", "env=CartPole", "experiment=smoke", "threads=1", "device=cpu", "steps=50", "resume=true"
    )
    assert resumed.returncode == 2
    assert "is whole; start again in another run_dir" in resumed.stderr
    status = read_status(folder)
    assert (status.state, status.step) == ("failed", 50)


@pytest.mark.parametrize("agent", ["dqn", "ppo", "pqn", "sb3_dqn", "sb3_ppo"])
def test_a_run_that_is_stopped_before_it_has_seen_anything_goes_on(tmp_path, agent):
    config = compose_config([f"agent={agent}", "env=CartPole", "experiment=smoke", "steps=50", f"run_dir={tmp_path}"])
    assert not Trainer(config, tmp_path, lambda: True).run()
    assert [path.name for path in checkpoint.find(tmp_path / "checkpoints")] == ["step_0000000000.pt"]
    assert Trainer(replace(config, resume=True), tmp_path, lambda: False).run()


def test_a_last_evaluation_that_is_made_up_for_is_kept(tmp_path):
    overrides = ["env=CartPole", "experiment=smoke", "steps=50", "evaluation.every=30", f"run_dir={tmp_path}"]
    config = compose_config(overrides)
    trainer = Trainer(config, tmp_path, lambda: trainer.step >= 50)
    assert not trainer.run()
    assert Trainer(replace(config, resume=True), tmp_path, lambda: False).run()
    assert checkpoint.load_last(tmp_path / "checkpoints")[1]["evaluated"] == 50
    assert Trainer(replace(config, resume=True, steps=80), tmp_path, lambda: False).run()
    evaluations = [step for step, name, _ in read_scalars(tmp_path) if name == "evaluation/mean"]
    assert evaluations == [0, 30, 50, 60, 80]
