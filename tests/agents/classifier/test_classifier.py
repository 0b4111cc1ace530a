"""The classifier learns as a plain loop does, its remedies do what they say, and its runs go on bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import rrn
from rrn.agents import make_learner
from rrn.agents.base import NotFinite
from rrn.agents.classifier.learner import ClassifierLearner
from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.envs import make_envs
from rrn.runs import checkpoint
from rrn.runs.logger import RunLogger
from rrn.runs.scalars import read_measures
from rrn.training.run import train
from rrn.training.trainer import Trainer

CPU = torch.device("cpu")
SMALL = ["task=random_labels", "task.data=gaussian", "task.examples=50", "task.task_steps=40"]
SMALL += ["steps=120", "log_every=40", "checkpoint.every=20", "threads=1", "device=cpu"]


def learner_for(*words) -> ClassifierLearner:
    torch.manual_seed(0)
    config = compose_config([*SMALL, *words])
    return make_learner(config, make_envs(config.env, 1, (0, 0)), CPU)


def test_it_learns_as_a_plain_loop_does():
    learner = learner_for("act=rational", "agent.weight_decay=0.01")
    torch.manual_seed(0)
    twin = learner_for("act=rational").agent.network
    groups = rrn.parameter_groups(twin, 1e-3, 1e-3, weight_decay=0)  # coefficients of rationals do not decay
    optimiser = torch.optim.Adam(groups, eps=1e-8, weight_decay=0.01, fused=True)
    generator, right, seen = torch.Generator().manual_seed(0), 0, 0
    for task in range(2):
        examples = learner.games.examples(task)
        inputs, labels = torch.from_numpy(examples.inputs)[:, None], torch.from_numpy(examples.labels)
        rows: list[int] = []
        for _ in range(40):
            rows = rows or torch.randperm(50, generator=generator).tolist()
            batch, rows = rows[:16], rows[16:]
            outputs = twin(inputs[batch])
            right, seen = right + int((outputs.argmax(1) == labels[batch]).sum()), seen + len(batch)
            optimiser.zero_grad()
            F.cross_entropy(outputs, labels[batch]).backward()
            optimiser.step()
    for step in range(0, 80, learner.steps_per_call):
        learner.training_step(step, measure=False)
    ours, theirs = learner.agent.network.state_dict(), twin.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs if "extra_state" not in name)
    assert learner.evaluate()["mean"] == pytest.approx(100 * right / seen)
    assert learner.seen == 0


def test_a_loss_that_is_not_finite_is_reported_before_the_step():
    learner = learner_for("act=relu")
    before = weights(learner.agent)
    learner.inputs[:] = float("inf")
    with pytest.raises(NotFinite):
        learner.training_step(0, measure=False)
    assert all(torch.equal(value, before[name]) for name, value in weights(learner.agent).items())


def test_an_evaluation_has_the_accuracy_after_the_task_and_of_its_tests():
    learner = learner_for("task=shuffled_labels", "task.data=digits", "task.examples=400", "task.task_steps=400")
    for step in range(0, 400, learner.steps_per_call):
        learner.training_step(step, measure=False)
    scores, task = learner.evaluate(), learner.games.current()
    with torch.no_grad():
        outputs = learner.agent.network(torch.from_numpy(task.test_inputs)[:, None])
    assert scores["test"] == pytest.approx(100 * (outputs.argmax(1).numpy() == task.test_labels).mean())
    assert 80 < scores["test"] < scores["after"]
    assert scores["mean"] < scores["after"]


def weights(agent):
    return {name: value.clone() for name, value in agent.network.named_parameters()}


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ([], set()),
        (["agent.reset=all"], {"hidden1", "hidden2", "output"}),
        (["agent.reset=last"], {"output"}),
        (["agent.reset=optimiser"], set()),
        (["agent.shrink=0.5", "agent.perturb=0.1"], {"hidden1", "hidden2", "output"}),
    ],
)
def test_what_begins_afresh_at_a_new_task(words, changed):
    learner = learner_for("act=relu", "agent.reset_every=2", *words)
    learner.training_step(0, measure=False)
    agent, before = learner.agent, weights(learner.agent)
    agent.begin_task(1)
    assert all(torch.equal(value, before[name]) for name, value in weights(agent).items())
    agent.begin_task(2)
    after = weights(agent)
    assert {name.split(".")[1] for name in after if not torch.equal(after[name], before[name])} == changed
    assert bool(agent.optimiser.state) == (not words or "shrink" in words[0])
    new = weights(type(agent)(agent.config, agent.fresh(2), agent.fresh, 0))
    assert not torch.equal(new["layers.output.weight"], dict(agent.fresh(3).named_parameters())["layers.output.weight"])
    for name, value in after.items():
        if "shrink" in (words or [""])[0]:
            assert torch.allclose(value, 0.5 * before[name] + 0.1 * new[name], atol=1e-7)
        elif name.split(".")[1] in changed:
            assert torch.equal(value, new[name])


@pytest.mark.parametrize("act", ["recurrent_rational", "relu"])
def test_a_run_that_was_stopped_in_the_middle_of_a_task_ends_with_the_same_bits(tmp_path, act):
    words = [*SMALL, f"act={act}", "agent.reset=last", "agent.perturb=0.01"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train(compose_config([*words, f"run_dir={whole}"])) is None
    calls = iter([False] * 5 + [True] * 100)
    parts.mkdir()
    Trainer(compose_config([*words, f"run_dir={parts}"]), parts, lambda: next(calls)).run()
    stopped_at = checkpoint.load_last(parts / "checkpoints")[1]["step"]
    assert stopped_at % 40 > 0
    assert train(compose_config([*words, f"run_dir={parts}", "resume=true"])) is None
    one, other = (checkpoint.load_last(folder / "checkpoints")[1] for folder in (whole, parts))
    assert one["step"] == other["step"] == 120
    for name, value in one["agent"]["network"].items():
        assert torch.equal(value, other["agent"]["network"][name]), name
    scores = [read_measures(folder / "scalars.csv")["evaluation/mean"] for folder in (whole, parts)]
    assert np.array_equal(scores[0], scores[1])
    assert scores[0][0].tolist() == [0, 40, 80, 120]


def test_it_needs_a_task():
    with pytest.raises(UserError, match="agent=classifier: expected task= beside it, got env=CartPole"):
        compose_config(["agent=classifier", "env=CartPole"])


def test_a_figure_is_drawn_at_some_evaluations_and_at_the_end(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(RunLogger, "figure", lambda self, step, *rest: drawn.append(step))
    words = [*SMALL, "act=relu", "evaluation.every=20", "evaluation.figure_every=4", f"run_dir={tmp_path}/run"]
    assert train(compose_config(words)) is None
    assert drawn == [0, 80, 120]


def test_curvature_and_distance_are_logged_and_go_on_after_a_stop(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    words = [*SMALL, "act=rational"]
    train(compose_config([*words, f"run_dir={whole}"]))
    train(compose_config([*words, f"run_dir={parts}", "steps=40"]))
    train(compose_config([*words, f"run_dir={parts}", "resume=true"]))
    for name in ("curvature", "distance"):
        steps, values = read_measures(whole / "scalars.csv")[f"plasticity/{name}"]
        assert steps.tolist() == [0, 40, 80, 120]
        assert values.tolist() == read_measures(parts / "scalars.csv")[f"plasticity/{name}"][1].tolist()
    assert values[0] == 0
    assert (np.diff(values) > 0).all()
