"""Runs as tasks of Ray: a killed one goes on, Ctrl-C stops all with a checkpoint, a cluster may begin elsewhere."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from helpers.scalars import read_scalars

from rrn.runs import checkpoint
from rrn.runs.status_file import read_status

pytestmark = pytest.mark.slow
pytest.importorskip("hydra_plugins.hydra_ray_launcher")

RUN = ["env=CartPole", "experiment=smoke", "device=cpu", "act=rational", "evaluation.every=1000000"]
RAY = ["hydra/launcher=ray"]
CLUSTER = """
import ray, sys
started = ray.init("local", num_cpus=3, include_dashboard=False, logging_level="error")
print(started.address_info["address"], flush=True)
sys.stdin.read()
"""


def wait_for(condition, process):
    limit = time.monotonic() + 300
    while not (found := condition()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.05)
    return found


def steps_of(folder: Path) -> list[Path]:
    return [*(folder / "checkpoints").glob("step_*.pt")]


def test_a_killed_run_goes_on_and_all_have_the_bits_of_undisturbed_ones(start, tmp_path, train_here):
    folders = [tmp_path / f"runs/CartPole/dqn-rational/seed{seed}" for seed in range(3)]
    words = [*RUN, "steps=3000", "checkpoint.every=500"]
    process = start("rrn.train", "-m", *words, *RAY, "seed=range(0,3)", "hydra.launcher.ray.init.num_cpus=2")
    wait_for(lambda: steps_of(folders[0]), process)
    killed = read_status(folders[0])
    assert not folders[2].exists()  # the cluster has two CPUs
    os.kill(killed.pid, signal.SIGKILL)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    assert "3 runs, 2 at a time, each with threads=1" in output
    assert "3 runs, 3 done" in output
    assert read_status(folders[0]).pid != killed.pid
    assert "going on from step_" in (folders[0] / "output.log").read_text()
    for seed, folder in enumerate(folders):
        whole = train_here(*words, f"seed={seed}", f"run_dir=whole{seed}")
        mine, theirs = (checkpoint.load_last(path / "checkpoints")[1]["agent"]["network"] for path in (folder, whole))
        assert all(torch.equal(value, theirs[key]) for key, value in mine.items())
        assert read_scalars(folder) == read_scalars(whole)


def test_ctrl_c_stops_runs_on_a_cluster_that_began_elsewhere(tmp_path):
    def begin(folder: str, *words: str) -> subprocess.Popen:
        (tmp_path / folder).mkdir()
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=tmp_path / folder,
            env={**os.environ, "RAY_AUTH_MODE": "disabled"},  # else both need the same token
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    cluster = begin("elsewhere", "-c", CLUSTER)
    try:
        address = cluster.stdout.readline().strip()
        words = [*RUN, *RAY, "steps=1000000", "checkpoint.every=1000000", "seed=range(0,4)", "run_dir=run/${seed}"]
        process = begin("here", "-m", "rrn.train", "-m", *words, f"hydra.launcher.ray.init.address={address}")
        folders = [tmp_path / f"here/run/{seed}" for seed in range(4)]
        wait_for(lambda: sum(bool((status := read_status(one)) and status.step > 100) for one in folders) == 3, process)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        output = process.communicate(timeout=300)[0]
        assert process.returncode == 128 + signal.SIGINT, output
        assert "4 runs, 3 at a time" in output
        assert "Traceback" not in output
        begun = [folder for folder in folders if folder.exists()]
        assert len(begun) == 3
        for folder in begun:
            status = read_status(folder)
            assert (status.state, status.why) == ("stopped", "SIGINT")
            assert checkpoint.load_last(folder / "checkpoints")[1]["step"] == status.step
        assert "SIGINT, before it began" in output
        assert re.search(r"go on with: python -m rrn.train -m .* resume=true", output)
        assert not [*(tmp_path / "elsewhere").iterdir()]
    finally:
        cluster.communicate()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["hydra.launcher.ray.remote.num_cpus=2", "hydra.launcher.ray.init.num_cpus=1"], "a run is to have 2 CPUs"),
        (["+hydra.launcher.ray.init.nonsense=1"], "hydra.launcher.ray.init: Ray does not start"),
    ],
)
def test_a_mistake_is_one_sentence(start, words, sentence):
    process = start("rrn.train", "-m", *RUN, *RAY, *words)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 2
    assert sentence in output
    assert "Traceback" not in output
