"""What fits and starting coefficients are made of does without torch, and gives what torch gives."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers.tensors import coefficients

import rrn
from rrn.activations import functions
from rrn.activations.conversion.change_form import change_degrees
from rrn.activations.fitting import formula
from rrn.activations.fitting.fit import fit
from rrn.activations.fitting.functions import FUNCTIONS, as_function
from rrn.activations.fitting.presets import initial_coefficients
from rrn.activations.ops import reference

SIZES = np.r_[0.0, 5e-324, np.logspace(-310, 308, 1237), 20.0, np.nextafter(20, 21), 709.7, 745.2, 1.79e308, np.inf]
X = np.r_[-SIZES[::-1], np.linspace(-40, 40, 8001), SIZES, np.nan]


def test_the_known_functions_are_the_same_ones():
    assert FUNCTIONS.keys() == functions.FUNCTIONS.keys()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_known_function_of_arrays_is_that_of_tensors(name):
    with np.errstate(all="ignore"):
        ours = FUNCTIONS[name](X)
    theirs = functions.FUNCTIONS[name](torch.tensor(X)).numpy()
    assert np.allclose(ours, theirs, rtol=4e-16, atol=2e-16, equal_nan=True)
    assert np.array_equal(as_function(name)(X[1:-2]), ours[1:-2])


@pytest.mark.parametrize("version", formula.VERSIONS)
def test_the_formula_of_arrays_is_that_of_tensors(version):
    a, b = coefficients(version, 5, 4, 1, torch.float64, 0)
    x = torch.linspace(-8, 8, 321, dtype=torch.float64)
    expected = reference.rational(x, a, b, version).numpy()
    assert np.allclose(formula.rational(x.numpy(), a[0].numpy(), b[0].numpy(), version), expected, rtol=1e-13)


WITHOUT = """
import json, sys
sys.modules["torch"] = None
from rrn.activations.fitting.expression import parse
from rrn.activations.fitting.fit import fit
from rrn.activations.fitting.presets import initial_coefficients
fits = [fit(f, (3, 2), norm=norm) for f in ("gelu", parse("x*sigmoid(x)")) for norm in ("l2", "minimax")]
print(json.dumps([*([f.numerator, f.denominator] for f in fits), initial_coefficients("silu", (5, 4), "A")]))
"""


@pytest.mark.slow
def test_fits_and_starts_without_torch_are_those_with_it():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    *fits, start = json.loads(done.stdout)
    cases = [(f, norm) for f in ("gelu", lambda x: x * FUNCTIONS["sigmoid"](x)) for norm in ("l2", "minimax")]
    for (function, norm), (numerator, denominator) in zip(cases, fits, strict=True):
        same = fit(function, (3, 2), norm=norm)
        assert (list(same.numerator), list(same.denominator)) == (numerator, denominator)
        near = rrn.fit(function, (3, 2), norm=norm)  # torch computes the target, with other last digits
        assert (near.largest, near.rms) == pytest.approx((same.largest, same.rms), rel=1e-3)
    assert start == list(initial_coefficients("silu", (5, 4), "A"))


@pytest.mark.slow
def test_functions_of_tensors_are_fitted_where_torch_is():
    weights = {np.exp: torch.exp, None: None}
    for of_arrays, of_tensors in ((np.sin, torch.sin), (FUNCTIONS["silu"], torch.nn.SiLU())):
        for weigh, weigh_tensors in weights.items():
            one = rrn.fit(of_arrays, (3, 2), weights=weigh)
            other = rrn.fit(of_tensors, (3, 2), weights=weigh_tensors)
            assert other.rms == pytest.approx(one.rms, rel=1e-5)  # the last bits of exp depend on the processor
            assert np.allclose(one.numerator, other.numerator, atol=1e-5)


def test_a_function_that_works_on_nothing_is_a_sentence():
    with pytest.raises(ValueError, match=r"expected a function of arrays .K., that .* it failed"):
        as_function(lambda x: x.no_such_thing)(np.zeros(3))
    with pytest.raises(ValueError, match=r"expected a function of arrays or tensors .K., that .* it failed"):
        rrn.fit(lambda x: x.no_such_thing)


@pytest.mark.parametrize("degrees", [(np.int64(3), np.uint8(2)), np.array([3, 2]), [3, np.int32(2)]])
def test_degrees_may_be_whole_numbers_of_numpy(degrees):
    assert rrn.Rational("tanh", degrees=degrees).degrees == (3, 2)
    assert all(type(d) is int for d in rrn.Rational("tanh", degrees=degrees).degrees)
    fitted = fit("identity", degrees, norm="minimax")
    assert (fitted.degrees, len(fitted.numerator), len(fitted.denominator)) == ((3, 2), 4, 2)
    act = rrn.Rational("tanh", degrees=(3, 2), groups=np.int64(2), axis=np.int8(-1))
    change_degrees(act, np.array([4, 3]))
    assert (act.degrees, act.numerator.shape) == ((4, 3), (2, 5))
    assert len(rrn.RationalChain("tanh", length=np.int64(3))) == 3


@pytest.mark.parametrize(
    "degrees", [(5.0, 4), (True, 4), (np.True_, 4), "54", {5, 4}, 5, None, (0, 4), (5,), (5, 4, 3)]
)
def test_other_degrees_are_refused_with_a_sentence(degrees):
    with pytest.raises(ValueError, match=r"degrees: expected two whole numbers \(n, m\) of at least 1, such as \(5, 4"):
        formula.check_form(degrees, "A")
