"""Fits reach the errors that are possible, the same way each time, and say what they do outside the range."""

from __future__ import annotations

import math
import pickle
from functools import cache

import numpy as np
import pytest
import torch

import rrn
from rrn.activations.fitting.formula import real_poles

# largest error of the minimax fit and RMS of the least-squares fit, on [-3, 3], version A, degrees (5, 4)
LARGEST = {"leaky_relu": 1.27e-2, "relu": 1.28e-2, "tanh": 1e-6, "sigmoid": 2e-7, "gelu": 1.3e-3, "silu": 5e-7}
RMS = {"leaky_relu": 5.04e-3, "relu": 5.07e-3, "gelu": 8.2e-4, "silu": 2.9e-7}


@cache
def fit_of(name, norm="l2"):
    """A fit with the defaults, made once for all tests."""
    return rrn.fit(name, norm=norm)


@pytest.mark.parametrize("name", LARGEST)
def test_minimax_reaches_the_goal(name):
    assert float(f"{fit_of(name, 'minimax').largest:.3g}") <= LARGEST[name]  # three digits, as the goals have


@pytest.mark.parametrize("name", RMS)
def test_least_squares_reaches_the_goal(name):
    assert fit_of(name).rms <= RMS[name]


@pytest.mark.parametrize(("version", "norm"), [("A", "l2"), ("B", "minimax"), ("C", "minimax"), ("N", "l2")])
def test_the_errors_are_those_of_the_module_on_any_range(version, norm):
    found = rrn.fit(np.exp, (3, 3), version, (-1, 2), norm)
    x = np.linspace(-1, 2, 12_020)
    error = found.as_module(dtype=torch.float64)(torch.from_numpy(x)).detach().numpy() - np.exp(x)
    assert np.abs(error).max() == pytest.approx(found.largest, rel=1e-3)
    assert np.sqrt(np.mean(error**2)) == pytest.approx(found.rms, rel=1e-3)
    assert found.largest < (
        0.2 if version == "A" else 0.02 if version == "B" else 1e-3
    )  # Q of A is even, that of B has a kink or keeps its sign
    assert np.allclose(found(x), error + np.exp(x), atol=1e-12)


def test_a_minimax_error_alternates():
    """The best rational of version N reaches its largest error n + m + 2 times, with alternating sign."""
    found = rrn.fit(np.exp, (3, 2), "N", (-1, 1), "minimax")
    x = np.linspace(-1, 1, 20_001)
    error = (found(x) - np.exp(x)) / found.largest
    extremes = error[np.abs(error) > 0.9]
    assert 1 + np.count_nonzero(np.diff(np.sign(extremes))) == 3 + 2 + 2


@pytest.mark.parametrize(
    ("norm", "weights"),
    [
        ("l2", np.repeat([1.0, 100.0, 1.0], [50, 20, 50])),
        ("minimax", lambda x: np.where(np.abs(x) < 0.5, 100.0, 1.0)),
    ],
)
def test_weights_count(norm, weights):
    plain, weighted = fit_of("relu", norm), rrn.fit("relu", norm=norm, weights=weights)
    x = np.linspace(-0.5, 0.5, 1001)
    assert np.abs(weighted(x) - np.maximum(x, 0)).max() < 0.8 * np.abs(plain(x) - np.maximum(x, 0)).max()
    assert weighted.rms > plain.rms


@pytest.mark.parametrize("norm", ["l2", "minimax"])
def test_a_fit_repeats(norm):
    assert rrn.fit(np.tanh, (3, 2), norm=norm) == rrn.fit(np.tanh, (3, 2), norm=norm)


def test_a_fit_says_when_its_tail_is_another_one():
    found = fit_of("leaky_relu")
    assert "at -30 it is" in "".join(found.warnings)
    assert "equal slopes at both ends" in found.warnings[-1]
    assert rrn.fit(lambda x: x / (1 + x * x), (1, 2)).warnings == []


def test_a_pole_outside_the_range_is_named():
    found = rrn.fit(lambda x: 1 / (4 - x), (1, 1), "N")
    assert found.largest < 1e-9
    assert "pole at 4" in found.warnings[0]


def test_the_picture_shows_target_fit_and_error():
    left, right = fit_of("silu").figure.axes
    assert [line.get_label() for line in left.lines] == ["target", "rational"]
    assert np.abs(right.lines[0].get_ydata()).max() == pytest.approx(1.13e-6, rel=0.1)


MISTAKES = {
    "expected one of": {"function": "sine"},
    "two whole numbers": {"degrees": (5, 0)},
    "low < high": {"range": (3, -3)},
    "norm: expected one of l2, minimax": {"norm": "l1"},
    "version: expected one of": {"version": "E"},
    "finite on the range; it is not at -3": {"function": np.log},
    "weights: expected": {"weights": [0.0, 0.0]},
    "weights: expected finite numbers": {"weights": [1.0, math.inf]},
    "real values, got complex ones": {"function": lambda x: x * 1j},
    "element by element": {"function": np.sum},
}


@pytest.mark.parametrize("sentence", MISTAKES)
def test_mistakes_are_sentences(sentence):
    with pytest.raises(ValueError, match=sentence):
        rrn.fit(**{"function": "tanh", **MISTAKES[sentence]})


@pytest.mark.parametrize(
    ("version", "degrees"),
    [("B", (1, 1)), ("C", (2, 1)), ("N", (2, 1)), ("B", (4, 3)), ("C", (3, 3)), ("N", (4, 3))],
)
def test_a_bounded_fit_of_odd_degree_is_tame_everywhere(version, degrees):
    fit = rrn.fit("gelu", degrees, version, bounded=True)
    assert fit.degrees == degrees
    assert not fit.poles
    x = np.r_[-np.logspace(8, -2, 50_001), np.logspace(-2, 8, 50_001)]
    assert (np.abs(fit(x)) <= 1.3 * (1 + np.abs(x))).all()
    module = fit.as_module(dtype=torch.float64)
    assert np.allclose(module(torch.from_numpy(x)).detach().numpy(), fit(x))
    if degrees[1] > 1:
        assert fit.largest < 0.03


@pytest.mark.slow
@pytest.mark.parametrize(("version", "size"), [("A", 1e-4), ("C", 1e4)])
def test_a_fit_does_not_depend_on_the_size_of_the_range(version, size):
    plain = rrn.fit(lambda x: np.tanh(x), (3, 2), version)
    fit = rrn.fit(lambda x: np.tanh(x / size), (3, 2), version, (-3 * size, 3 * size))
    assert fit.rms == pytest.approx(plain.rms, rel=0.1)


def test_a_function_may_work_in_place():
    def relu_(x):
        x[x < 0] = 0
        return x

    assert rrn.fit(relu_).largest == pytest.approx(fit_of("relu").largest, rel=1e-3)


def test_a_function_may_use_a_rational():
    act = rrn.Rational("tanh")
    assert rrn.fit(lambda x: 2 * act(x)).largest < 1e-5
    assert rrn.fit(act.forward).largest < 1e-5


def test_a_function_that_refuses_inputs_outside_the_range_can_be_shown():
    fit = rrn.fit(np.vectorize(math.log), range=(0.5, 3.0))
    assert "largest error" in str(fit)
    assert fit.figure.axes


@pytest.mark.parametrize("function", ["tanh", np.sin, torch.nn.Tanh()])
def test_a_fit_can_be_pickled(function):
    one = rrn.fit(function, (3, 2))
    again = pickle.loads(pickle.dumps(one))
    x = np.linspace(-3, 3, 7)
    assert again == one
    assert (again(x) == one(x)).all()
    assert (again.target(x) == one.target(x)).all()


def test_a_double_pole_is_one():
    assert real_poles([-6.0, 13.0, -12.0, 4.0]) == pytest.approx((0.5, 0.5, 1, 1), abs=1e-6)
    assert real_poles([math.nan]) == ()
