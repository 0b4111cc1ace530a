"""The examples run and do what they say; each has at most 60 lines and is run here."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
import torch
import yaml

import rrn
from rrn.config.compose import compose_config, compose_runs, hydra_ready

FOLDER = Path(rrn.__file__).parents[1] / "examples"


@pytest.fixture
def example(tmp_path, monkeypatch, capsys):
    """Run an example in an empty folder; what it prints."""
    monkeypatch.chdir(tmp_path)

    def run(name: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(FOLDER / name), run_name="__main__")
        return capsys.readouterr().out

    yield run
    torch.set_num_threads(1)


def numbers(pattern: str, text: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, text)]


def test_each_example_is_short_and_has_a_test():
    paths = [*FOLDER.glob("*.py")]
    files = [Path(__file__), *Path(__file__).parent.glob("frameworks/test_*.py")]
    named = r"""example(?:\("|s/)(\w+\.py)\""""
    assert {path.name for path in paths} == {
        name for file in files for name in re.findall(named, file.read_text("utf-8"))
    }
    assert all(len(path.read_text("utf-8").splitlines()) <= 60 for path in paths)


@pytest.mark.slow
def test_classify(example):
    accuracies = numbers(r"(\d\.\d+)\n", example("classify_spirals.py"))
    assert len(accuracies) == 3
    assert min(accuracies[1:]) > 0.9


@pytest.mark.slow
def test_trained_agent(example):
    text = example("trained_agent.py")
    assert "TrainedAgent(env=CartPole, agent=dqn, act=rational" in text
    (score,) = numbers(r"score of one game: (\S+)", text)
    assert score > 20  # a random agent has about 20 on average, and one that learned nothing 9


@pytest.mark.slow
def test_convert(example):
    text = example("convert_a_model.py")
    assert "Replaced: 2 activations." in text
    before, after = numbers(r"trained with GELU: (\S+)", text) + numbers(r"fine-tuned with rationals: (\S+)", text)
    assert after < 2 * before < 0.05


@pytest.mark.slow
def test_fit(example):
    text = example("fit_your_own_function.py")
    assert numbers(r"largest error of the module: (\S+)", text)[0] < 0.01
    assert Path("snake.png").stat().st_size > 1000


@pytest.mark.slow
def test_watch(example):
    text = example("watch_inputs.py")
    assert text.count("32,000 inputs") == 2
    assert Path("shapes.png").stat().st_size > 1000
    assert Path("shapes.gif").stat().st_size > 1000


@pytest.mark.slow
def test_stable_baselines(example):
    text = example("stable_baselines.py", "256")
    assert numbers(r"moved by (\S+)", text)[0] > 0
    first, second = re.search(r"loaded agent: (\d), (\d)", text).groups()
    assert first == second


@pytest.mark.slow
def test_flax_policy(example):
    before, after = zip(*re.findall(r"mean return (\S+) before, (\S+) after", example("flax_policy.py")), strict=True)
    assert len(after) == 2
    assert min(map(float, after)) > 2 * max(map(float, before))


@pytest.mark.slow
def test_keras(example):
    text = example("keras_model.py")
    error, mean = map(float, re.search(r"error: (\S+), of the mean (\S+)", text).groups())
    assert error < mean / 20
    assert numbers(r"moved by (\S+)", text)[0] > 0.01
    assert max(numbers(r"differs by (\S+)", text)) < 1e-5


@pytest.mark.slow
def test_runs_are_copied_to_wandb(example, train_here, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    example("wandb_runs.py", str(train_here("env=CartPole", "experiment=smoke")))
    (stored,) = Path("wandb").glob("offline-run-*/*.wandb")
    assert stored.read_bytes().count(b"evaluation/mean") >= 2  # a row for each evaluation


@pytest.mark.slow
def test_runs_are_copied_to_mlflow(example, train_here, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    folder = train_here("env=CartPole", "experiment=smoke")
    example("mlflow_runs.py", str(folder))
    (run,) = mlflow.search_runs(experiment_names=["rrn"], output_format="list")
    assert run.data.params["env"] == "CartPole"
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "evaluation/mean")
    rows = (folder / "scalars.csv").read_text("utf-8").splitlines()
    wanted = [row.split(",") for row in rows if ",evaluation/mean," in row]
    assert [(one.step, one.value) for one in history] == [(int(step), float(value)) for step, _, value in wanted]


def test_cluster_files_hold_runs_that_go_on():
    job = yaml.safe_load((FOLDER / "cluster/kubernetes.yaml").read_text("utf-8"))["spec"]
    container = job["template"]["spec"]["containers"][0]
    assert container["command"] == ["python", "-m", "rrn.train"]
    words = [word.replace("$(JOB_COMPLETION_INDEX)", "3") for word in container["args"]]
    found = compose_config(words)
    assert (found.seed, found.resume, found.run_dir) == (3, True, "runs/Pong/dqn-recurrent_rational/seed3")
    task = yaml.safe_load((FOLDER / "cluster/skypilot.yaml").read_text("utf-8"))
    words = shlex.split(task["run"].replace("\\\n", ""))
    with hydra_ready():
        runs = compose_runs(words[words.index("-m", words.index("rrn.train")) + 1 :])
    assert len({run.run_dir for run in runs}) == 8
    assert all(run.resume and run.run_dir.startswith("/runs/Pong/dqn-") for run in runs)
