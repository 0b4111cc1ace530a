"""The starting coefficients are as good as the table says, and the table as good as it must be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import rrn
from rrn.activations.coefficients import COEFFICIENTS
from rrn.activations.fit import FUNCTIONS, fit

# largest and RMS error on [-3, 3] that version A with degrees (5, 4) must reach
GOALS = {
    "leaky_relu": (0.0298, 0.00504),
    "relu": (0.0300, 0.00507),
    "tanh": (4.1e-5, 1.3e-5),
    "sigmoid": (1.9e-5, 4.7e-6),
    "gelu": (4.2e-3, 9.8e-4),
    "silu": (1.2e-6, 2.9e-7),
    "identity": (0.0, 0.0),
}


def errors(name, version):
    module = rrn.Rational(name, version=version, dtype=torch.float64)
    x = np.linspace(-3, 3, 100_001)
    error = module(torch.from_numpy(x)).detach().numpy() - FUNCTIONS[name](x)
    return np.abs(error).max(), np.sqrt(np.mean(error**2))


@pytest.mark.parametrize("name", GOALS)
def test_version_a_reaches_the_goals(name):
    largest, rms = errors(name, "A")
    assert largest <= GOALS[name][0]
    assert rms <= GOALS[name][1]


@pytest.mark.parametrize("version", "ABCN")
@pytest.mark.parametrize("name", GOALS)
def test_errors_are_those_in_the_table(name, version):
    largest, rms = errors(name, version)
    entry = COEFFICIENTS[name][version]
    assert largest == pytest.approx(entry["largest"], rel=0.02, abs=1e-9)
    assert rms == pytest.approx(entry["rms"], rel=0.02, abs=1e-9)


@pytest.mark.parametrize("name", GOALS)
def test_version_n_starts_without_poles(name):
    roots = np.roots([*reversed(COEFFICIENTS[name]["N"]["denominator"]), 1.0])
    assert not np.isreal(roots).any()


def test_other_degrees_are_fitted_when_asked_for():
    module = rrn.Rational("tanh", degrees=(3, 2), version="B")
    x = torch.linspace(-3, 3, 601)
    assert (module(x) - x.tanh()).abs().max() < 0.01


def test_a_fit_repeats():
    assert fit(np.tanh, (3, 2), "A") == fit(np.tanh, (3, 2), "A")
