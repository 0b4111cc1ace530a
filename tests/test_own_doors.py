"""Runs of the user's own folder are killed, go on with equal bits, and are shown, filmed, exported and reported."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import onnxruntime
import pytest
import torch
from helpers.paths import DATA
from helpers.processes import kill_after
from helpers.tensors import differences
from safetensors import safe_open

import rrn
from rrn.runs import checkpoint

pytestmark = pytest.mark.slow

SMALL = ["device=cpu", "threads=1", "checkpoint.every=100"]
TOYS = ["env=toy:CorridorConfig", "act=toy:Wave", "network.target=toy:Narrow", "experiment=smoke"]
FORMATS = {"onnx": "policy.onnx", "torchscript": "policy.pt", "safetensors": "policy.safetensors", "sb3": "policy.zip"}
RUNS = {  # words, where the run is, formats of its export, and the size of its pictures
    "an agent": (["agent=toy:OneStepConfig", *TOYS], "Corridor/OneStep-Wave-Narrow", {"safetensors"}, (16, 80)),
    "dqn": (["agent=dqn", *TOYS], "Corridor/dqn-Wave-Narrow", FORMATS, (16, 80)),
    "ppo": (["agent=ppo", *TOYS], "Corridor/ppo-Wave-Narrow", FORMATS, (16, 80)),
    "files": (
        ["--config-dir", "conf", "agent=careful", "act=gentle", "env=gym_toys:Pixels-v0", "experiment=quick"],
        "Pixels-v0/careful-gentle",
        FORMATS,
        (40, 48),
    ),
}


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A copy of the user's folder, where the commands are started."""
    shutil.copytree(DATA / "own", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    yield tmp_path
    for name in ("toy", "gym_toys"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", RUNS)
def test_a_killed_run_goes_on_and_passes_every_door(own_folder, start, command, monkeypatch, name):
    words, place, formats, size = RUNS[name]
    folder = Path("runs", place, "seed0")

    def done(*arguments: str) -> str:
        process = command(*arguments)
        assert process.returncode == 0, process.stderr
        return process.stdout + process.stderr

    done("rrn.train", *words, *SMALL)
    whole = folder.rename("whole")
    kill_after(start("rrn.train", *words, *SMALL), own_folder / folder, 1, 0.02)
    assert "1 killed" in done("rrn.status", "runs")
    assert "going on from step_" in done("rrn.train", *words, *SMALL, "resume=true")
    states = [checkpoint.load_last(path / "checkpoints")[1] for path in (whole, folder)]
    kept = [{key: state[key] for key in ("step", "agent", "learner", "random")} for state in states]
    assert list(differences(*kept)) == []

    shutil.rmtree("conf")  # the folder of a run says all
    played = done("rrn.evaluate", str(folder), "episodes=2", "num_envs=1", "video=film.gif")
    with imageio.get_reader("film.gif") as film:
        assert next(iter(film)).shape[:2] == size
    titles = []
    monkeypatch.setattr("pygame.display.set_caption", titles.append)
    live = done("rrn.evaluate", str(folder), "episodes=2", "render=human")
    assert live.splitlines()[:3] == played.splitlines()[:3]
    assert {title.partition(", ")[2] for title in titles} == {"game 1 of 2", "game 2 of 2"}

    report = done("rrn.report", "runs")
    assert place.split("-")[-1 if name == "files" else 1] in report
    assert Path("report.html").stat().st_size > 1e6
    agent = rrn.load(folder)
    assert agent.evaluate(1)["games"] == 1
    seen = agent.make_env().reset(seed=0)[0]
    for to, file in FORMATS.items():
        if to in formats:
            assert file in done("rrn.export", str(folder), "--to", to)
        else:
            refused = command("rrn.export", str(folder), "--to", to)
            assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
            assert "safetensors has its weights" in refused.stderr
    assert {path.name for path in (folder / "export").iterdir()} == set(formats)
    with safe_open(folder / "export/safetensors/policy.safetensors", "pt") as file:
        assert json.loads(file.metadata()["config"])["steps"] == agent.config.steps
    if "onnx" in formats:
        last = rrn.load(folder, "last")
        action = last.act(seen)
        inputs = last._frames(seen)[0]
        session = onnxruntime.InferenceSession(folder / "export/onnx/policy.onnx")
        assert session.run(None, {"observations": inputs})[0][0] == action
        recorded = torch.jit.load(folder / "export/torchscript/policy.pt")
        assert recorded(torch.from_numpy(np.ascontiguousarray(inputs)))[0][0] == action
