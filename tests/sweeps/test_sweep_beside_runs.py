"""Sweeps and studies where some of their runs are there already."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import datetime, timedelta

import pytest
from helpers.scalars import read_scalars

from rrn.config.compose import compose_config
from rrn.runs.folder import is_finished
from rrn.runs.status_file import Status, read_status
from rrn.sweeps import resources, sweep, worker
from rrn.sweeps.worker import SweepContext

SHORT = ["env=CartPole", "experiment=smoke", "steps=100", "agent.warmup=50", "evaluation.every=100", "device=cpu"]
SHORT += ["threads=1"]


@pytest.fixture
def in_this_process(monkeypatch):
    """Let a sweep train its runs in its own process, as the jobs of a cluster do."""
    monkeypatch.setattr(worker, "_in_a_child", worker._in_a_job)


@pytest.mark.usefixtures("in_this_process")
def test_a_finished_run_of_the_same_settings_counts_without_resume(command, train_here, tmp_path):
    """As of someone who has made one run, and then asks for a sweep with it."""
    folder = train_here(*SHORT, "act=relu", "seed=1")
    before = read_scalars(folder)
    sweep_of_two = command("rrn.train", "-m", *SHORT, "act=relu", "seed=0,1", "hydra/launcher=basic")
    assert sweep_of_two.returncode == 0, sweep_of_two.stdout + sweep_of_two.stderr
    assert "finished before: runs/CartPole/dqn-relu/seed1" in sweep_of_two.stdout
    assert read_scalars(folder) == before
    assert read_status(tmp_path / "runs/CartPole/dqn-relu/seed0").state == "done"


@pytest.mark.usefixtures("in_this_process")
def test_a_command_that_would_fail_again_is_not_advised(command, train_here):
    """Where the folder of a run holds one of other settings, resume=true does not help."""
    train_here(*SHORT, "act=relu", "seed=1")
    words = ["-m", *SHORT, "act=relu", "agent.gamma=0.9", "hydra/launcher=basic"]
    both = command("rrn.train", *words, "seed=0,1")
    assert both.returncode == 1
    assert "a run is here already" in both.stdout
    assert "1 of them cannot go on in their folders, which hold runs of other settings, such as " in both.stdout
    assert "go on with:" not in both.stdout
    assert "Traceback" not in both.stdout + both.stderr


@pytest.mark.usefixtures("in_this_process")
def test_what_can_go_on_is_still_advised_beside_what_cannot(command, train_here, tmp_path):
    train_here(*SHORT, "act=relu", "seed=1")
    (tmp_path / "runs/CartPole/dqn-relu/seed0").write_text("in the way")
    words = ["-m", *SHORT, "act=relu", "agent.gamma=0.9", "hydra/launcher=basic", "seed=0,1"]
    both = command("rrn.train", *words)
    assert both.returncode == 1
    assert "1 of them cannot go on in their folders" in both.stdout
    assert f"go on with: {shlex.join(['python', '-m', 'rrn.train', *words])} resume=true" in both.stdout


def test_the_runs_that_are_left_are_shared_out_whatever_is_in_the_first_folder(train_here, monkeypatch):
    """A study counts how many runs it would do at a time from one configuration, whose run may be finished."""
    pytest.importorskip("joblib")
    monkeypatch.setattr(resources, "usable_cores", lambda: 2)
    train_here(*SHORT, "act=relu")
    config = compose_config([*SHORT, "act=relu"])
    assert is_finished(config)
    assert resources.max_parallel_runs([config] * 4, gpus=0) == 2


def test_a_run_of_another_command_is_neither_shown_nor_killed(tmp_path):
    config = compose_config(["env=CartPole", f"run_dir={tmp_path}"])
    one = sweep.Sweep([], [], [config], SweepContext(tmp_path / "sweep", os.getpid(), jobs=False), "local", 1)
    one.signal = signal.SIGINT  # the first Ctrl-C came
    foreign = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        status = Status("running", None, 5, 10, None, None, None, foreign.pid, socket.gethostname(), "", "", "")
        for minutes, state in ((-5, "waiting"), (0, "running")):  # from before the sweep, and from after its start
            began = (one.started + timedelta(minutes=minutes)).isoformat()
            now = datetime.now().astimezone().isoformat()
            (tmp_path / "status.json").write_text(json.dumps(asdict(replace(status, started=began, updated=now))))
            assert [row.state for row in one.rows()] == [state]
            one._handle(signal.SIGINT, None)
            assert foreign.poll() is None
        one.shared.folder.mkdir()
        one.shared.begun_file(0).touch()
        one._handle(signal.SIGINT, None)
        assert foreign.wait(900) == -signal.SIGKILL  # this test can fail
    finally:
        foreign.kill()
