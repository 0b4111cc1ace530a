"""`best_fit` measures the module it returns, and refuses numbers that cancel and values that are not finite."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import rrn

X = torch.linspace(-3, 3, 401, dtype=torch.float64)


@pytest.mark.parametrize("candidate", ["hardswish", "silu", "softplus", "mish", "sin", "hardtanh"])
def test_numbers_that_cancel_in_float32_are_not_returned(candidate):
    """The kink of hardswish at -3, seen closely enough, is that of relu: -6.83e5 hardswish(2.91e-6 x - 3)."""
    for act in (nn.ReLU(), nn.LeakyReLU(0.3), nn.Identity()):
        found = rrn.best_fit(act, [candidate])
        difference = found.as_module()(X.float()).double() - act(X)
        assert found.distance == pytest.approx(difference.square().mean().sqrt().item(), rel=1e-6)
        exact = found.as_module()(X) - act(X)  # in float64
        assert found.distance == pytest.approx(exact.square().mean().sqrt().item(), rel=0.01, abs=1e-4)
        assert abs(found.b) < 300
        assert abs(found.c) > 0.005


def test_large_numbers_that_do_not_cancel_are_returned():
    found = rrn.best_fit(lambda x: 1e6 * np.tanh(x) + 2e6, ["tanh"])
    assert [found.a, found.b, found.c] == pytest.approx([1e6, 2e6, 1], rel=1e-4)
    near = rrn.best_fit(torch.tanh, ["tanh"], range=(3, 4))  # where tanh is nearly 1
    assert near.formula == "tanh(x)"


def nan(x):
    return x * float("nan")


def test_a_candidate_without_finite_values_is_left_out_with_a_warning():
    with pytest.warns(UserWarning, match="candidates: nan has no finite values on the inputs and is left out"):
        found = rrn.best_fit(nn.ReLU(), {"nan": nan, "tanh": torch.tanh})
    assert (found.name, found.others) == ("tanh", ())
    with pytest.raises(ValueError, match="candidates: expected finite values on the inputs; nan has none there"):
        rrn.best_fit(nn.ReLU(), {"nan": nan})
    found = rrn.best_fit(lambda x: np.log(x + 5), {"log": torch.log})  # finite where it is needed
    assert found.relative < 1e-5


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda x: 1 / 0, "candidates: bad: .*it failed: division by zero"),
        (lambda x: x.sum(), r"candidates: bad: .*element by element; it made \(\)"),
        (lambda x: "text", "candidates: bad: expected a function with real values, got 'text'"),
        (lambda x: x + 1j, "candidates: bad: expected a function with real values, got complex ones"),
    ],
)
def test_a_candidate_that_is_no_function_of_numbers_is_named(function, sentence):
    with pytest.raises(ValueError, match=sentence):
        rrn.best_fit(nn.ReLU(), {"tanh": torch.tanh, "bad": function})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e38])
def test_a_module_without_finite_values_is_refused_and_drawn_with_a_note(value):
    act = rrn.Rational("gelu")
    with torch.no_grad():
        act.numerator[0, 1] = value
    with pytest.raises(ValueError, match=r"module: expected finite values, up to 1e\+30, on the inputs; it is "):
        rrn.best_fit(act)
    if value != -1e38:
        figure = rrn.plot(act, fitted=True)
        (label,) = [text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts()]
        assert label == "values that are not finite"


@pytest.mark.parametrize("range", [(-1e-300, 1e-300), (-1e308, 1e308), (1, 1 + 1e-9), (-1e31, 1e31)])
def test_a_range_that_float32_cannot_hold_is_refused(range):
    with pytest.raises(ValueError, match=r"inputs: expected numbers up to 1e\+30 that differ in float32, got "):
        rrn.best_fit(torch.tanh, ["tanh"], range=range)


@pytest.mark.parametrize("range", [(3, -3), (1, 1), (0, float("inf")), (float("nan"), 1), None, "ab"])
def test_what_is_no_range_is_refused(range):
    with pytest.raises(ValueError, match="range: expected two numbers"):
        rrn.best_fit(torch.tanh, ["tanh"], range=range)


def test_a_tiny_and_a_wide_range_are_fitted():
    assert rrn.best_fit(nn.ReLU(), ["relu", "tanh"], range=(-1e-6, 1e-6)).formula == "relu(x)"
    assert rrn.best_fit(nn.ReLU(), ["relu", "tanh"], range=(-1e20, 1e20)).formula == "relu(x)"


def test_inputs_that_are_no_numbers():
    with pytest.raises(ValueError, match="inputs: expected a histogram, a tensor or an array, got 'abc'"):
        rrn.best_fit(nn.Tanh(), ["tanh"], inputs="abc")
    with pytest.warns(UserWarning, match=r"1 of 5 inputs are outside .*, or NaN, and do not count"):
        rrn.best_fit(nn.Tanh(), ["tanh"], inputs=torch.tensor([float("nan"), 1, 2, 3, 4]))


def test_the_table_has_heads_and_fits_a_terminal():
    found = rrn.best_fit(rrn.Rational("silu"), ["tanh", "silu", "relu"])
    head, first, *others = str(found).splitlines()
    assert head.split() == ["distance", "relative", "function"]
    assert first.split() == [f"{found.distance:.3g}", f"{found.relative:.3g}", "silu(x)"]
    assert {line.index(fit.formula) for line, fit in zip(others, found.others, strict=True)} == {head.index("function")}
    assert max(map(len, str(found).splitlines())) <= 80
    assert "others" not in repr(found)
