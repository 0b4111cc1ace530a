"""The starting coefficients are as good as the table says, and the table is what its script makes."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from helpers.paths import ROOT

import rrn
from rrn.activations.fitting.functions import NAMES, as_function
from rrn.activations.fitting.presets import PRESETS, table

sys.path.insert(0, str(ROOT / "scripts/data"))
from fit_presets import DEGREES, FUNCTIONS, row

X = np.linspace(-3, 3, 12_001)
ROUNDING = 1e-7  # in the errors of fits of degree 7


def error(name, version="A", degrees=(5, 4), preset="l2", x=X):
    module = rrn.Rational(name, degrees, version, preset=preset, dtype=torch.float64)
    return module(torch.from_numpy(x)).detach().numpy() - as_function(name)(x)


def test_the_table_has_every_choice():
    assert {key[0] for key in table()} == set(FUNCTIONS)
    assert len(table()) == len(FUNCTIONS) * 4 * len(DEGREES) * len(PRESETS)


def test_errors_are_those_in_the_table():
    wrong = {}
    for (name, version, n, m, preset), entry in table().items():
        found = error(name, version, (n, m), preset, np.linspace(*PRESETS[preset][1], 12_001))
        sizes, said = (np.abs(found).max(), np.sqrt(np.mean(found**2))), (float(entry["largest"]), float(entry["rms"]))
        if sizes != pytest.approx(said, rel=0.03, abs=3e-8):
            wrong[name, version, n, m, preset] = sizes, said
    assert not wrong


def test_each_preset_is_the_better_one_in_what_it_names():
    for (*form, preset), least_squares in table().items():
        if preset == "l2":
            minimax = table()[(*form, "minimax")]
            assert float(least_squares["rms"]) <= 1.001 * float(minimax["rms"]) + ROUNDING, form
            assert float(minimax["largest"]) <= 1.001 * float(least_squares["largest"]) + ROUNDING, form


@pytest.mark.slow
@pytest.mark.parametrize("choice", [("leaky_relu", (5, 4), "A", "minimax"), ("tanh", (3, 2), "C", "wide")])
def test_the_script_makes_the_same_fit_again(choice):
    name, (n, m), version, preset = choice
    made, stored = row(choice).split(",")[5:7], table()[name, version, n, m, preset]
    assert [float(v) for v in made] == pytest.approx([float(stored["largest"]), float(stored["rms"])], rel=0.02)


def test_every_start_stays_tame_outside_the_range():
    x = np.r_[-np.logspace(0, 4, 200)[::-1], np.logspace(0, 4, 200)]
    wild = []
    for name, version, n, m, preset in table():
        y = error(name, version, (n, m), preset, x) + as_function(name)(x)
        if not (np.abs(y) <= 1.01 * (1 + np.abs(x))).all():
            wild.append((name, version, n, m, preset))
    assert not wild


@pytest.mark.parametrize("name", ["identity", *FUNCTIONS])
def test_version_n_starts_without_poles(name):
    for preset in PRESETS:
        denominator = rrn.Rational(name, version="N", preset=preset).denominator[0].tolist()
        assert not np.isreal(np.roots([*reversed(denominator), 1.0])).any() or not any(denominator)


def test_swish_is_silu_and_the_identity_is_exact():
    assert rrn.Rational("swish").numerator.equal(rrn.Rational("silu").numerator)
    assert np.abs(error("identity", "C", (7, 3))).max() < 1e-15


@pytest.mark.slow
def test_every_known_name_can_be_started_from():
    for name in NAMES:
        assert np.sqrt(np.mean(error(name, degrees=(3, 2)) ** 2)) < 0.05, name


def test_other_degrees_and_callables_are_fitted_when_asked_for():
    x = torch.linspace(-3, 3, 601)
    assert (rrn.Rational("tanh", degrees=(3, 3), version="B")(x) - x.tanh()).abs().max() < 0.01
    for function in (torch.nn.Softplus(), lambda x: np.log1p(np.exp(x))):
        module = rrn.Rational(function, preset="minimax")
        assert (module(x) - torch.nn.functional.softplus(x)).abs().max() < 3e-6


def test_mistakes_are_sentences():
    with pytest.raises(ValueError, match="preset: expected one of l2, minimax, wide, got 'l1'"):
        rrn.Rational(preset="l1")
    with pytest.raises(ValueError, match=r"init: expected one of identity, .* got 'sine'"):
        rrn.Rational("sine")
