"""Runs that were made before go on, and are evaluated, reported and drawn.

The folders are as version 0.1.0 at 5c81468 left them.

Each was killed after its checkpoint of step 200, and made by

    python -m rrn.train experiment=smoke env=CartPole agent=AGENT act=rational threads=1 device=cpu run_dir=runs/AGENT

`expected.csv` is the log of the same run without a break.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from helpers.paths import DATA
from helpers.scalars import read_scalars

from rrn.config.compose import compose_config
from rrn.runs import checkpoint
from rrn.runs.folder import read_run_id
from rrn.runs.status_file import read_status
from rrn.training.run import train

pytestmark = pytest.mark.slow

OLD = DATA / "old_runs"
AGENTS = ["dqn", "ppo", "sb3_dqn"]


@pytest.fixture
def old_run(tmp_path):
    def unpack(agent: str) -> Path:
        with tarfile.open(OLD / f"{agent}.tar.xz") as archive:
            archive.extractall(tmp_path / agent, filter="data")
        return tmp_path / agent

    return unpack


def go_on(agent: str, folder: Path, *overrides: str) -> None:
    words = ["experiment=smoke", "env=CartPole", f"agent={agent}", "act=rational", "threads=1", "device=cpu"]
    assert train(compose_config([*words, f"run_dir={folder}", "resume=true", *overrides])) is None


@pytest.mark.parametrize("agent", AGENTS)
def test_an_old_run_goes_on(old_run, agent, capsys):
    """As it did then; the last bits are those of the processor, which nothing recorded then.

    That a run goes on bit for bit on one machine is tested in test_resume.py.
    """
    folder = old_run(agent)
    assert read_run_id(folder) is None
    go_on(agent, folder)
    assert "going on from step_0000000200.pt" in capsys.readouterr().err
    expected = [line.split(",") for line in (folder / "expected.csv").read_text().splitlines()[1:]]
    expected = [(int(step), name, float(value)) for step, name, value in expected if "per_second" not in name]
    rows = read_scalars(folder)
    assert [row for row in rows if row[0] <= 200] == [row for row in expected if row[0] <= 200]
    assert {row[1] for row in rows} == {row[1] for row in expected}
    soon = [row for row in expected if row[0] <= 300]
    assert [row[:2] for row in rows][: len(soon)] == [row[:2] for row in soon]
    assert [row[2] for row in rows][: len(soon)] == pytest.approx([row[2] for row in soon], rel=1e-4)
    assert len(read_run_id(folder)) == 32
    go_on(agent, folder, "steps=500")
    assert read_status(folder).step == checkpoint.load_last(folder / "checkpoints")[1]["step"] == 500


@pytest.mark.parametrize("agent", AGENTS)
def test_an_old_run_is_evaluated_reported_and_drawn(old_run, command, tmp_path, agent):
    folder = old_run(agent)
    played = command("rrn.evaluate", str(folder), "episodes=2", "video=null")
    assert played.returncode == 0, played.stderr
    assert "of 2 games" in played.stdout
    report = command("rrn.report", str(tmp_path))
    assert report.returncode == 0, report.stderr
    assert "CartPole" in report.stdout
    shapes = command("rrn.shapes", str(folder), "--out", str(tmp_path / "shapes.png"))
    assert shapes.returncode == 0, shapes.stderr
    assert (tmp_path / "shapes.png").stat().st_size > 10_000


def test_the_agent_beside_an_old_checkpoint_is_for_stable_baselines3(old_run):
    from stable_baselines3 import DQN

    import rrn.sb3

    model = DQN.load(old_run("sb3_dqn") / "checkpoints" / "step_0000000200.zip", device="cpu")
    assert isinstance(model.policy.q_net.features_extractor, rrn.sb3.Features)


def test_rationals_of_an_old_run_are_taken_over(old_run, tmp_path):
    folder = old_run("dqn")
    words = ["experiment=smoke", "env=CartPole", "act=rational", "steps=50", "threads=1", "device=cpu"]
    assert train(compose_config([*words, f"act.from={folder}", f"run_dir={tmp_path / 'new'}"])) is None
