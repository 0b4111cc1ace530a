"""Several runs at once: each is done for itself, a failing one is reported, a stopped sweep goes on."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import timedelta, timezone
from pathlib import Path

import pytest
import torch
from helpers.scalars import read_scalars
from helpers.terminal import start_on_terminal
from omegaconf import OmegaConf

from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.runs import checkpoint
from rrn.runs.signals import StopSignals
from rrn.runs.status_file import Status, read_status
from rrn.sweeps import sweep
from rrn.sweeps.worker import SweepContext
from rrn.training.run import train

SHORT = ["env=CartPole", "experiment=smoke", "steps=100", "agent.warmup=50", "evaluation.every=100", "device=cpu"]
LONG = ["env=CartPole", "experiment=smoke", "device=cpu", "evaluation.every=1000000", "checkpoint.every=1000000"]


@pytest.fixture
def start(tmp_path):
    """Start `python -m rrn.train -m` in an empty folder; its group is ended with the test."""
    begun = []

    def run(*overrides: str, **env: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", "rrn.train", "-m", *overrides],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **env},
            start_new_session=True,
        )
        begun.append(process)
        return process

    yield run
    for process in begun:
        with suppress(ProcessLookupError):  # workers of joblib outlive it by minutes
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for(condition, process: subprocess.Popen):
    limit = time.monotonic() + 900
    while not (found := condition()):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < limit
        time.sleep(0.05)
    return found


def trains(folder: Path):
    """The status of a run whose first evaluation is over."""
    return read_status(folder) if (folder / "shapes.png").exists() else None


def running(folder: Path):
    """The status of a run that is going on."""
    return status if (status := read_status(folder)) and status.state == "running" else None


@pytest.mark.slow
def test_what_ends_one_run_ends_no_other_and_is_tried_again(start, command, tmp_path):
    """One folder cannot be made, one run is killed by the system; they alone are done when the sweep goes on.

    Its folder is that of an earlier command, which was stopped; what that left there does not count.
    """
    overrides = [*SHORT, "steps=500", "evaluation.every=500", "act=relu", "seed=range(0,3)", "hydra.sweep.dir=sweep"]
    (tmp_path / "sweep/.rrn").mkdir(parents=True)
    (tmp_path / "sweep/.rrn/stop").write_text("SIGINT")
    (tmp_path / "sweep/.rrn/2.json").write_text('{"state": "failed", "why": "of another time"}')
    (tmp_path / "sweep/2.json").write_text("mine")
    folders = [tmp_path / f"runs/CartPole/dqn-relu/seed{seed}" for seed in range(3)]
    refused, killed, good = folders
    refused.parent.mkdir(parents=True)
    refused.touch()
    process = start(*overrides, "hydra.launcher.n_jobs=2")
    os.kill(wait_for(lambda: trains(killed), process).pid, signal.SIGKILL)
    output = process.communicate(timeout=900)[0]
    assert process.returncode == 1, output
    assert "Traceback" not in output
    assert "another time" not in output
    assert (tmp_path / "sweep/2.json").read_text() == "mine"
    assert "3 runs, 2 at a time, each with threads=1" in output
    assert "runs/CartPole/dqn-relu: 3 runs, 1 failed, 1 killed, 1 done" in output
    assert "runs/CartPole/dqn-relu/seed0: a file is there, not a folder" in " ".join(output.split())
    assert "SIGKILL, perhaps by the system for lack of memory" in output
    assert read_status(killed).state == "killed"
    found = read_status(good)
    assert (found.state, found.step, found.why) == ("done", 500, None)
    assert not (tmp_path / "multirun.yaml").exists()

    refused.unlink()
    arguments = shlex.split(output.strip().splitlines()[-1].removeprefix("go on with: python -m rrn.train -m "))
    assert arguments[-1] == "resume=true"
    again = start(*arguments)
    output = again.communicate(timeout=900)[0]
    assert again.returncode == 0, output
    assert output.splitlines()[0] == f"finished before: {good.relative_to(tmp_path)}"
    assert "2 runs, 2 at a time" in output
    assert "runs/CartPole/dqn-relu: 3 runs, 3 done" in output
    assert read_status(good) == found
    assert len({read_status(folder).pid for folder in folders}) == 3
    for folder in folders:
        assert OmegaConf.load(folder / "config.yaml").threads == 1
        assert "finished at step 500" in (folder / "output.log").read_text()
    assert command("rrn.train", "-m", *arguments).returncode == 0  # nothing is left to do


@pytest.mark.slow
def test_a_stopped_sweep_goes_on_to_the_same_result_bit_for_bit(start, tmp_path, train_here):
    """Stopped with joblib, when one run had not begun; continued as jobs of submitit, one of which dies at once."""
    overrides = [*LONG, "act=rational", "steps=2000"]
    folders = [tmp_path / f"runs/CartPole/dqn-rational/seed{seed}" for seed in range(3)]
    process = start(*overrides, "seed=range(0,3)", "hydra.launcher.n_jobs=2")
    wait_for(lambda: all(read_status(folder) for folder in folders[:2]) and any(map(trains, folders)), process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    output = process.communicate(timeout=900)[0]
    assert process.returncode == 128 + signal.SIGINT, output
    assert "Traceback" not in output
    assert "SIGINT, before it began" in output
    assert not folders[2].exists()
    for folder in folders[:2]:
        status = read_status(folder)
        assert (status.state, status.why) == ("stopped", "SIGINT")
        assert checkpoint.load_last(folder / "checkpoints")[1]["step"] == status.step < 2000
    arguments = shlex.split(output.strip().splitlines()[-1].removeprefix("go on with: python -m rrn.train -m "))
    assert arguments[-1] == "resume=true"
    arguments = [text for text in arguments if not text.startswith(("seed=", "hydra."))]
    resumed = start(*arguments, "seed=0,1", "hydra/launcher=submitit_local")
    os.kill(wait_for(lambda: running(folders[0]), resumed).pid, signal.SIGKILL)
    output = resumed.communicate(timeout=900)[0]
    assert resumed.returncode == 1, output
    assert "2 runs, 1 killed, 1 done" in output
    assert [read_status(folder).state for folder in folders[:2]] == ["killed", "done"]
    assert "going on from step_" in (folders[1] / "output.log").read_text()
    whole = train_here(*overrides, "seed=1", "run_dir=whole")
    mine, theirs = (checkpoint.load_last(path / "checkpoints")[1] for path in (folders[1], whole))
    for part in ("network", "target"):
        assert all(torch.equal(value, theirs["agent"][part][key]) for key, value in mine["agent"][part].items())
    assert read_scalars(folders[1]) == read_scalars(whole)


@pytest.mark.slow
def test_a_sweep_whose_terminal_is_lost_stops_its_run(tmp_path):
    folder = tmp_path / "runs/CartPole/dqn-relu/seed0"
    overrides = [*LONG, "act=relu", "steps=1000000", "hydra.launcher.n_jobs=2"]
    process, terminal = start_on_terminal(["rrn.train", "-m", *overrides], tmp_path)
    os.set_blocking(terminal, False)

    def it_trains() -> Status | None:
        with suppress(BlockingIOError):
            os.read(terminal, 100_000)  # or the table fills it, and the sweep waits
        return trains(folder)

    wait_for(it_trains, process)
    os.close(terminal)
    assert process.wait(timeout=900) == 128 + signal.SIGHUP
    status = read_status(folder)
    assert (status.state, status.why) == ("stopped", "SIGHUP")
    assert checkpoint.load_last(folder / "checkpoints")[1]["step"] == status.step


SLURM = {  # as much of the cluster's commands as submitit calls, for one job on this machine
    "sbatch": """
        cp "$1" "$CLUSTER/batch"
        export SLURM_JOB_ID=7 SLURM_NTASKS=1 SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0 SLURM_PROCID=0 SLURM_LOCALID=0
        (while sh "$CLUSTER/batch"; test -e "$CLUSTER/requeued"; do mv "$CLUSTER/requeued" "$CLUSTER/again"; done) \
            >"$CLUSTER/log" 2>&1 &
        echo "Submitted batch job 7"
    """,
    "srun": """
        while [ "${1#--}" != "$1" ]; do case "$1" in --unbuffered) shift ;; *) shift 2 ;; esac; done
        exec "$@"
    """,
    "scontrol": 'touch "$CLUSTER/requeued"',
    "sacct": "printf 'JobID|State|NodeList\n7|RUNNING|here\n'",
}


@pytest.mark.slow
def test_a_run_that_the_cluster_interrupts_goes_on_from_its_checkpoint(start, tmp_path):
    for name, text in SLURM.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{textwrap.dedent(text)}\n")
        (tmp_path / name).chmod(0o755)
    process = start(
        *LONG, "steps=1000", "run_dir=run", "hydra/launcher=slurm", "hydra.launcher.partition=fast",
        "hydra.launcher.gpus_per_node=1", PATH=f"{tmp_path}:{os.environ['PATH']}", CLUSTER=str(tmp_path),
    )  # fmt: skip
    os.kill(wait_for(lambda: trains(tmp_path / "run"), process).pid, signal.SIGUSR2)
    output = process.communicate(timeout=900)[0]
    assert process.returncode == 0, output
    assert (tmp_path / "again").exists()
    log = (tmp_path / "run" / "output.log").read_text()
    assert "stopped at step" in log
    assert "going on from step_" in log
    assert read_status(tmp_path / "run").state == "done"
    asked = (tmp_path / "batch").read_text()
    for line in ("partition=fast", "gpus-per-node=1", "cpus-per-task=2", "time=1440", "signal=USR2@120", "requeue"):
        assert f"#SBATCH --{line}\n" in asked


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_runs_of_a_command_that_was_killed_stop_with_a_checkpoint(start, tmp_path, jobs):
    process = start(*LONG, "steps=1000000", "act=relu", f"hydra.launcher.n_jobs={jobs}")
    folder = tmp_path / "runs/CartPole/dqn-relu/seed0"
    wait_for(lambda: trains(folder), process)
    os.kill(process.pid, signal.SIGKILL)  # it stays a zombie, since nobody asks how it ended
    limit = time.monotonic() + 900
    while read_status(folder).state == "running" and time.monotonic() < limit:
        time.sleep(0.05)
    assert read_status(folder).state == "stopped"
    assert checkpoint.find(folder / "checkpoints")


def test_each_kind_of_end_is_in_the_status(tmp_path, monkeypatch, train_here):
    short = [*SHORT, "threads=1"]
    folder = train_here(*SHORT, "run_dir=done")
    status = json.loads((folder / "status.json").read_text())
    assert (status["state"], status["step"], status["steps"], status["pid"]) == ("done", 100, 100, os.getpid())
    assert status["last_return"] > 0
    assert status["last_evaluation"] > 0

    with pytest.raises(UserError, match="not finite"):
        train(compose_config([*short, "agent.learning_rate=1e30", "run_dir=nan"]))
    assert read_status(Path("nan")).state == "failed"
    assert "not finite" in read_status(Path("nan")).why

    def broken(*arguments):
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr("rrn.training.trainer.Trainer", broken)
    with open(2, "w", closefd=False) as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)  # what it is without pytest
        with pytest.raises(ZeroDivisionError):
            train(compose_config([*short, "run_dir=bug"]), stop=StopSignals())
    assert read_status(Path("bug")).why == "ZeroDivisionError: a mistake of ours"
    log = Path("bug/output.log").read_text()
    assert "Traceback" in log
    assert "ZeroDivisionError: a mistake of ours" in log


def test_a_run_that_began_elsewhere_counts_whatever_its_clock_shows(tmp_path):
    """Nodes of a cluster may have another time zone than the command."""
    config = compose_config(["env=CartPole", f"run_dir={tmp_path}"])
    one = sweep.Sweep([], [], [config], SweepContext(tmp_path / "sweep", os.getpid(), jobs=True), "slurm", 1)
    status = Status("running", None, 5, 10, None, None, None, 1, "a node", "", "", "")
    for minutes, state in ((5, "running"), (-5, "waiting")):
        for zone in (-8, 0, 9):
            updated = (one.started + timedelta(minutes=minutes)).astimezone(timezone(timedelta(hours=zone)))
            now = updated.isoformat()
            (tmp_path / "status.json").write_text(json.dumps(asdict(replace(status, started=now, updated=now))))
            assert [row.state for row in one.rows()] == [state]
