"""Runs that are trained as one program have the folders that each has alone, and go on from where they were."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rrn.agents.classifier.learner import ClassifierLearner
from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.config.load import load_run_config
from rrn.runs import checkpoint
from rrn.runs.scalars import read_measures
from rrn.runs.signals import StopSignals
from rrn.runs.status_file import read_status
from rrn.sweeps.stacks import stacks
from rrn.training.run import train
from rrn.training.stacked import train_stacked

WORDS = ["task=random_labels", "task.data=gaussian", "task.examples=50", "task.task_steps=40", "act=rational"]
WORDS += ["steps=120", "log_every=20", "checkpoint.every=20", "threads=1", "device=cpu", "network=mlp"]
WORDS += ["network.widths=[12,10]", "agent.reset=last"]


class StopAt(StopSignals):
    """Stop, as by Ctrl-C, when it is asked for the n-th time."""

    def __init__(self, number: int):
        super().__init__()
        self.left = number

    def __call__(self) -> bool:
        self.left -= 1
        self.signal = 2 if self.left <= 0 else None
        return self.left <= 0


def configs(folder: Path, *words: str, seeds: int = 3) -> list:
    made = [compose_config([*WORDS, *words, f"seed={seed}", f"run_dir={folder}/seed{seed}"]) for seed in range(seeds)]
    return made


def train_all(folder: Path, *words: str, stop: StopSignals | None = None) -> int | None:
    return train_stacked(configs(folder, *words), "python -m rrn.train -m", stop or StopSignals())


def scores(folder: Path, seed: int) -> list:
    measures = read_measures(folder / f"seed{seed}" / "scalars.csv")
    return [
        (name, steps.tolist(), values.tolist())
        for name, (steps, values) in measures.items()
        if name != "train/steps_per_second"
    ]


def last(folder: Path, seed: int) -> dict:
    return checkpoint.load_last(folder / f"seed{seed}" / "checkpoints")[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert train_all(folder) is None
    return folder


def close(found: Path, wanted: Path, seed: int) -> None:
    """Check that two runs have the same logs to rounding: the bits depend on how many are trained together."""
    for (name, steps, values), (wanted_name, *wanted_rows) in zip(
        scores(found, seed), scores(wanted, seed), strict=True
    ):
        assert (name, steps) == (wanted_name, wanted_rows[0])
        if name.startswith(("evaluation/", "train/")):
            assert values == pytest.approx(wanted_rows[1], abs=1e-2, rel=1e-2), name


def test_each_has_the_folder_that_it_has_alone(whole, tmp_path):
    [config] = [one for one in configs(tmp_path) if one.seed == 1]
    assert train(config) is None
    files = [
        {path.name for path in folder.iterdir() if "events" not in path.name}
        for folder in (whole / "seed1", tmp_path / "seed1")
    ]
    assert files[0] == files[1] | {"output.log"}
    assert load_run_config(whole / "seed1").seed == 1
    assert load_run_config(whole / "seed1").env.task_seed == 1
    assert read_status(whole / "seed1").state == "done"
    close(whole, tmp_path, 1)
    assert "see output.log in" in (whole / "seed1/output.log").read_text()


@pytest.mark.parametrize("after", [2, 4])
def test_stopped_runs_go_on_bit_for_bit(whole, tmp_path, after):
    assert train_all(tmp_path, stop=StopAt(after)) == 2
    assert {read_status(tmp_path / f"seed{seed}").state for seed in range(3)} == {"stopped"}
    assert 0 < last(tmp_path, 0)["step"] < 120
    assert train_all(tmp_path, "resume=true") is None
    for seed in range(3):
        assert scores(tmp_path, seed) == scores(whole, seed)
        mine, theirs = (last(folder, seed)["agent"]["network"] for folder in (tmp_path, whole))
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_coefficients_learn_in_the_same_steps_as_alone(tmp_path):
    words = "act.delay=30", "act.freeze_after=70", "agent.reset=null"
    assert train_all(tmp_path / "together", *words) is None
    assert train(configs(tmp_path / "alone", *words)[1]) is None
    close(tmp_path / "together", tmp_path / "alone", 1)
    moved = read_measures(tmp_path / "together/seed1/scalars.csv")["plasticity/moved/act1"][1]
    assert moved[0] > 0 < moved[1]  # until 40, until 80
    assert moved[2] == 0  # until 120


def test_a_run_that_is_behind_catches_up(whole, tmp_path):
    assert train_all(tmp_path, stop=StopAt(4)) == 2
    shutil.rmtree(tmp_path / "seed1")  # never began
    (newest := checkpoint.find(tmp_path / "seed2/checkpoints")[-1]).unlink()
    assert 20 < int(newest.stem.removeprefix("step_")) < 120  # killed before it was written
    assert train_all(tmp_path, "resume=true") is None
    for seed in range(3):
        close(tmp_path, whole, seed)


def test_a_run_whose_loss_is_not_finite_ends_alone(whole, tmp_path, monkeypatch):
    update: Callable = ClassifierLearner.begin_task

    def begin(learner: ClassifierLearner, number: int) -> None:
        update(learner, number)
        if learner.agent.generator.initial_seed() == 1 and number == 1:
            learner.inputs[:] = float("inf")

    monkeypatch.setattr(ClassifierLearner, "begin_task", begin)
    assert train_all(tmp_path) is None
    status = read_status(tmp_path / "seed1")
    assert status.state == "failed"
    assert "the loss is not finite at step 41" in status.why
    assert (tmp_path / "seed1/not_finite.pt").exists()
    for seed in (0, 2):
        assert read_status(tmp_path / f"seed{seed}").state == "done"
        close(tmp_path, whole, seed)


def test_a_folder_with_another_run_is_refused_and_the_others_train(tmp_path):
    (tmp_path / "seed0").mkdir()
    (tmp_path / "seed0/config.yaml").write_text("nothing")
    assert train_all(tmp_path) is None
    assert [read_status(tmp_path / f"seed{seed}").state for seed in (1, 2)] == ["done"] * 2
    assert (tmp_path / "seed0/config.yaml").read_text() == "nothing"
    with pytest.raises(UserError, match="seed0: a run is here already"):
        train_all(tmp_path)


def test_runs_that_differ_in_the_seed_alone_are_stacked():
    words = ["task=random_labels", "stack_seeds=2"]
    made = [compose_config([*words, f"act={act}", f"seed={seed}"]) for seed in range(3) for act in ("relu", "rational")]
    found = stacks([*made, compose_config(["task=random_labels", "seed=3", "act=relu"])])
    assert {first: list(stack) for first, stack in found.items()} == {0: [0, 2], 1: [1, 3]}
    assert "seed: 1" in found[0][2]


def test_agents_that_cannot_be_stacked_are_refused():
    with pytest.raises(UserError, match="stack_seeds: expected 1 with agent=dqn, got 2"):
        stacks([compose_config(["env=CartPole", "stack_seeds=2"])])


@pytest.mark.slow
def test_a_sweep_trains_stacks(command, tmp_path):
    words = [word for word in WORDS if not word.startswith(("act=", "threads="))]
    sweep = "rrn.train", "-m", *words, "act=relu,tanh", "seed=range(0,4)", "stack_seeds=3", "hydra/launcher=local"
    done = command(*sweep)
    assert done.returncode == 0, done.stderr
    assert "8 runs in stacks of up to 3" in done.stdout
    runs = sorted(tmp_path.glob("runs/random_labels/*/seed*/status.json"))
    assert len(runs) == 8
    pids = {read_status(path.parent).pid for path in runs}
    assert len(pids) == 4
    assert "evaluation mean" in (tmp_path / "runs/random_labels/classifier-relu-mlp/seed0/output.log").read_text()
    again = command(*sweep, "resume=true")
    assert again.stdout.count("finished before") == 8
