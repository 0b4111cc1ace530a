"""rrn.train: the command line's names in Python, callbacks, curves; and runs that begin with the weights of others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import rrn
from rrn.common.errors import UserError
from rrn.runs.status_file import read_status
from rrn.training.train_function import Evaluation, _word

SMALL = ("env=CartPole", "experiment=smoke", "device=cpu", "threads=1")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_it_trains_as_the_command_does(train_here):
    folder = train_here("env=CartPole", "experiment=smoke", "act=rational", "agent.learning_rate=1e-3")
    result = rrn.train(*SMALL, act="rational", run_dir="mine", **{"agent.learning_rate": 1e-3})
    assert result.finished
    assert result.curve.steps.tolist() == [0, 400]
    other, own = (rrn.load(path, "last").network.state_dict() for path in (folder, "mine"))
    assert all(torch.equal(other[name], own[name]) for name in own)
    assert result.load().score == max(result.curve.means)
    assert result._repr_png_().startswith(b"\x89PNG")
    assert "<td" in result._repr_html_()


def test_a_callback_sees_each_evaluation_and_can_end_the_run():
    seen: list[Evaluation] = []

    def stop(evaluation: Evaluation) -> bool:
        seen.append(evaluation)
        return evaluation.step >= 100

    result = rrn.train(*SMALL, on_evaluation=stop, **{"evaluation.every": 100})
    assert [one.step for one in seen] == [0, 100]
    assert seen[1].scores["mean"] == result.curve.means[1]
    assert not result.finished
    assert read_status(result.folder).why == "a callback"
    done = rrn.train(*SMALL, resume=True, **{"evaluation.every": 100})
    assert done.finished
    assert np.array_equal(done.curve.steps, [0, 100, 200, 300, 400])


def test_mistakes_are_errors_with_a_sentence():
    with pytest.raises(UserError, match=r"env=CartPol: no such env\. Did you mean CartPole"):
        rrn.train(env="CartPol")
    with pytest.raises(UserError, match="expected one run, got 2"):
        rrn.train("act=relu,silu", env="CartPole")


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (None, "null"),
        (True, "true"),
        (1e-4, "0.0001"),
        ([3, 2], "[3,2]"),
        ({"beta": 1.0}, "{beta: 1.0}"),
        ("a b", '"a b"'),
        ("x/y:Z", "x/y:Z"),
    ],
)
def test_values_are_written_as_on_the_command_line(value, word):
    assert _word(value) == word


@pytest.mark.parametrize("agent", ["dqn", "ppo"])
def test_a_run_begins_with_the_weights_of_another(agent):
    first = rrn.train(*SMALL, agent=agent, act="rational")
    began = {}

    def keep(evaluation: Evaluation) -> None:
        began.setdefault(evaluation.step, {k: v.clone() for k, v in evaluation.agent.network.state_dict().items()})

    rrn.train(*SMALL, agent=agent, act="rational", seed=1, on_evaluation=keep, **{"agent.from": first.folder})
    best = first.load().network.state_dict()
    assert all(torch.equal(best[name], began[0][name]) for name in best)
    assert any(not torch.equal(best[name], began[400][name]) for name in best)
    # from a file, and resumed without going back to it
    again = rrn.train(
        *SMALL, agent=agent, act="rational", seed=2, **{"agent.from": first.folder / "weights" / "last.pt"}
    )
    more = rrn.train(
        *SMALL,
        agent=agent,
        act="rational",
        seed=2,
        steps=500,
        resume=True,
        **{"agent.from": first.folder / "weights" / "last.pt"},
    )
    assert more.finished
    assert again.folder == more.folder


def test_weights_that_do_not_fit_are_one_sentence():
    first = rrn.train(*SMALL, act="rational")
    with pytest.raises(
        UserError, match=r"agent\.from=.*: best\.pt is of another agent, network, activation or environment"
    ):
        rrn.train(*SMALL, act="relu", **{"agent.from": first.folder})
    with pytest.raises(UserError, match=r"agent\.from=nothing: no weights are there"):
        rrn.train(*SMALL, act="silu", **{"agent.from": "nothing"})
