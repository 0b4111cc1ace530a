"""Rationals of another run (act.from), and rationals that learn later (act.delay)."""

from __future__ import annotations

import itertools

import pytest
import torch

from rrn.common.errors import UserError
from rrn.runs import checkpoint

pytestmark = pytest.mark.slow

SMOKE = ("experiment=smoke", "env=CartPole")


def networks(folder) -> list[dict]:
    """The network in each checkpoint of a run."""
    return [checkpoint.load(path)["agent"]["network"] for path in checkpoint.find(folder / "checkpoints")]


def coefficients(state: dict) -> torch.Tensor:
    return torch.cat([value.flatten() for key, value in state.items() if "numerator" in key or "denominator" in key])


def test_a_run_with_the_rationals_of_another_keeps_them(train_here):
    source = train_here(*SMOKE, "act=rational")
    last = networks(source)[-1]
    test = train_here(*SMOKE, "act=rational", f"act.from={source}", "seed=1")
    for state in networks(test):
        assert torch.equal(coefficients(state), coefficients(last))
        assert not torch.equal(state["layers.hidden2.weight"], last["layers.hidden2.weight"])
    other = networks(train_here(*SMOKE, "act=rational", "act.trainable=false", "seed=2"))
    assert not torch.equal(coefficients(other[-1]), coefficients(last))
    checkpoint.find(source / "checkpoints")[-1].rename(source / "gone")  # not needed to go on
    train_here(*SMOKE, "act=rational", f"act.from={source}", "seed=1", "steps=600", "resume=true")
    assert torch.equal(coefficients(networks(test)[-1]), coefficients(last))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("act=recurrent_rational",), "its rationals are at act1, act2, those of this run at act1; set act= as there"),
        (
            ("act=rational", "act.version=B"),
            r"act.version and act.per as there \(layers.act1: the state has",
        ),
        (("act=rational", "act.per=channel"), "act.version and act.per as there .*size mismatch"),
    ],
)
def test_rationals_of_another_form_are_refused(train_here, overrides, message):
    source = train_here(*SMOKE, "act=rational", "steps=20")
    with pytest.raises(UserError, match=message):
        train_here(*SMOKE, *overrides, f"act.from={source}", "seed=1")
    with pytest.raises(UserError, match=r"act\.from=nowhere: no checkpoint is there"):
        train_here(*SMOKE, "act=rational", "act.from=nowhere", "seed=1")


@pytest.mark.parametrize(("delay", "every"), [("200", 400), ("2epochs", 100)])
def test_coefficients_wait_for_the_delay(train_here, delay, every):
    options = (*SMOKE, "act=rational", f"evaluation.every={every}", "checkpoint.every=100", "checkpoint.keep=9")
    folder = train_here(*options, f"act.delay={delay}", "act.train_denominator=false")
    states = networks(folder)
    started = coefficients(networks(train_here(*options, "act.trainable=false", "run_dir=frozen"))[0])
    learned = [not torch.equal(coefficients(state), started) for state in states]
    assert learned == [False, False, True, True]  # at 100, 200, 300 and 400 agent steps
    assert not torch.equal(states[0]["layers.hidden1.weight"], states[1]["layers.hidden1.weight"])
    assert all(torch.equal(s["layers.act1.denominator"], states[0]["layers.act1.denominator"]) for s in states)


@pytest.mark.parametrize(("after", "every"), [("200", 400), ("2epochs", 100)])
def test_coefficients_are_frozen_after_a_while(train_here, after, every):
    options = (*SMOKE, "act=rational", f"evaluation.every={every}", "checkpoint.every=100", "checkpoint.keep=9")
    states = networks(train_here(*options, f"act.freeze_after={after}"))
    learned = [not torch.equal(coefficients(old), coefficients(new)) for old, new in itertools.pairwise(states)]
    assert learned == [True, False, False]  # from 100 to 200, 300 and 400 agent steps
    assert not torch.equal(states[2]["layers.hidden1.weight"], states[3]["layers.hidden1.weight"])


def test_a_run_that_was_stopped_before_the_delay_ends_like_one_that_was_not(train_here):
    options = (*SMOKE, "act=rational", "act.delay=300")
    whole = networks(train_here(*options, "run_dir=whole"))[-1]
    train_here(*options, "steps=200", "run_dir=parts")
    parts = networks(train_here(*options, "run_dir=parts", "resume=true"))[-1]
    assert whole.keys() == parts.keys()
    assert all(torch.equal(value, parts[key]) for key, value in whole.items())
