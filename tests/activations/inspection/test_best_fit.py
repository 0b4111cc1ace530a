"""`best_fit` finds the function and its numbers again, on the inputs that occurred."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.marks import slow
from torch import nn

import rrn
from rrn.activations.functions import FUNCTIONS, as_function

RIVALS = ("identity", "relu", "elu", "gelu", "mish", "tanh", "hardtanh")


@pytest.mark.parametrize("name", ["silu", *slow(*(name for name in FUNCTIONS if name != "silu"))])
def test_each_function_is_known_again(name):
    f = as_function(name)
    candidates = None if name == "silu" else list(dict.fromkeys([name, *RIVALS]))
    found = rrn.best_fit(lambda x: 1.7 * f(0.8 * x + 0.3) - 0.2, candidates, range=(-6, 6))
    x = np.linspace(-6, 6, 200)
    assert found.relative < 1e-6
    y = as_function(found.as_module())(x)
    assert np.abs(y - (1.7 * f(0.8 * x + 0.3) - 0.2)).max() < 1e-5
    if name not in ("sigmoid", "tanh", "identity"):  # sigmoid is a tanh; a part of relu and others is the identity
        assert found.name == name
    assert (np.diff([fit.relative for fit in found.others]) > -1.1e-4).all()  # ties stay in the order of the list
    assert len(found.others) == len(candidates or FUNCTIONS) - 1


@pytest.mark.slow
def test_a_fitted_rational_is_named_with_its_numbers():
    found = rrn.best_fit(rrn.Rational("silu"))
    assert (found.name, found.formula) == ("silu", "silu(x)")
    assert found.distance == pytest.approx(2.9e-7, rel=0.1)
    assert str(found).splitlines()[1].endswith("  silu(x)")
    assert rrn.best_fit(nn.LeakyReLU(), ["leaky_relu", "tanh"]).formula == "leaky_relu(x)"
    assert rrn.best_fit(torch.tanh, ["sigmoid", "tanh"]).formula == "tanh(x)"
    assert rrn.best_fit(torch.sigmoid, ["sigmoid", "tanh"]).formula == "sigmoid(x)"
    assert rrn.best_fit(lambda x: 3 - 2 * x, ["identity"]).formula == "-2 identity(x) + 3"


def test_the_inputs_that_occurred_are_what_counts():
    """|x| on positive inputs is the identity; on all of [-3, 3] nothing is near."""
    module = nn.Sequential(nn.ReLU())
    act = rrn.Rational(lambda x: np.abs(x))
    assert rrn.best_fit(act, ["identity", "relu"]).relative > 0.1
    with rrn.record_inputs(act, bins=300, range=(-3, 3)):
        act(torch.rand(10_000) * 2 + 1)
    assert rrn.best_fit(act, ["identity", "relu"]).relative < 0.02
    assert rrn.best_fit(module[0], inputs=torch.randn(999)).name == "relu"


def test_the_distance_is_that_of_the_module_on_these_inputs():
    act, x = rrn.Rational("gelu"), torch.randn(20_000, dtype=torch.float64)
    found = rrn.best_fit(act.double(), ["tanh", "silu"], inputs=x)
    for fit in (found, *found.others):
        distance = (act(x) - fit.as_module()(x)).pow(2).mean().sqrt().item()
        assert fit.distance == pytest.approx(distance, rel=0.02)
    assert not list(found.as_module().parameters())
    assert repr(found.as_module()) == f"FittedFunction({found.formula})"


def test_own_candidates_and_a_constant():
    found = rrn.best_fit(lambda x: np.cos(2 * x), {"cos": torch.cos, "x2": torch.square})
    assert (found.name, found.relative < 1e-6) == ("cos", True)
    assert rrn.best_fit(lambda x: 0 * x + 3, ["tanh"]).distance < 1e-6


def test_one_row_of_a_rational_per_channel_can_be_named():
    act = rrn.Rational("tanh", groups=3)
    with torch.no_grad():
        act.numerator[1] *= 2
    with pytest.raises(ValueError, match="it has 3 rows of coefficients; name one of them"):
        rrn.best_fit(act)
    found = rrn.best_fit(lambda x: act.evaluate_rows(x[:, None])[:, 1], ["tanh", "relu"])
    assert (found.name, round(found.a * found.c, 2)) == ("tanh", 2.0)


def test_mistakes_are_sentences():
    with pytest.raises(ValueError, match="got none"):
        rrn.best_fit(nn.ReLU(), [])
    with pytest.raises(ValueError, match="expected one of identity, relu"):
        rrn.best_fit(nn.ReLU(), ["rleu"])
    with pytest.raises(ValueError, match="two different values"):
        rrn.best_fit(nn.ReLU(), inputs=torch.ones(5))
    with pytest.raises(ValueError, match="candidates: expected names, or functions by name, got 'relu'"):
        rrn.best_fit(nn.ReLU(), "relu")
    with pytest.raises(ValueError, match="works element by element; it failed: "):
        rrn.best_fit(nn.Linear(3, 3))


@pytest.mark.slow
def test_a_recurrent_rational_is_named_on_the_inputs_of_all_its_places():
    act = rrn.RecurrentRational("relu")
    model = nn.ModuleList([act, act.again()])
    with rrn.record_inputs(model):
        model[0](torch.linspace(-1, 1, 1001))
        model[1](torch.linspace(-20, 20, 4001))
    near, far = torch.linspace(-1, 1, 1001), torch.linspace(-20, 20, 4001)
    everywhere, together, at_one = (
        rrn.best_fit(act, ["relu"], inputs).distance for inputs in (None, torch.cat([near, far]), near)
    )
    assert everywhere == pytest.approx(together, rel=0.05)
    assert rrn.best_fit(model[1], ["relu"]).distance > 1.2 * at_one


def test_inputs_outside_the_histogram_are_not_passed_over_in_silence():
    act = rrn.Rational("tanh")
    with rrn.record_inputs(act):
        act(torch.randn(1000) * 0.01)
        act(torch.randn(1000) * 3)
    with pytest.warns(UserWarning, match=r"of 2,000 inputs are outside \[.*record them with a wider range="):
        rrn.best_fit(act)


def test_an_activation_in_half_precision_is_named():
    assert rrn.best_fit(rrn.Rational("tanh").bfloat16(), ["tanh", "relu"]).name == "tanh"
