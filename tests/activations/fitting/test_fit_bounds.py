"""Bounds of `fit`: degrees, ranges and functions that it refuses with a sentence, and those at the bounds."""

from __future__ import annotations

import numpy as np
import pytest

import rrn
from rrn.activations.fitting.fit import LARGEST_DEGREE


@pytest.mark.parametrize("degrees", [(20, 20), (1000, 4), (4, 13)])
def test_a_degree_that_float64_cannot_fit_is_refused(degrees):
    for call in (lambda: rrn.fit("silu", degrees), lambda: rrn.Rational("silu", degrees)):
        with pytest.raises(ValueError, match=r"degrees: expected at most 12 for a fit, got .* coefficients"):
            call()
    numerator, denominator = [0.0, 1.0, *[0.0] * (degrees[0] - 1)], [0.0] * degrees[1]
    assert rrn.Rational((numerator, denominator), degrees).degrees == degrees  # without a fit


@pytest.mark.slow
def test_the_largest_degree_is_fitted():
    assert rrn.fit("relu", (LARGEST_DEGREE, LARGEST_DEGREE), "C").largest < 0.01


@pytest.mark.parametrize("range", [(-1e-300, 1e-300), (-1e308, 1e308), (0, 1e-9), (1e9, 1e9 + 1)])
def test_a_range_whose_powers_float32_cannot_hold_is_refused(range):
    with pytest.raises(
        ValueError, match=r"range: expected numbers of a size from 2.6e-08 to 5.1e\+07, whose powers up to"
    ):
        rrn.fit("tanh", range=range)
    assert np.isfinite(rrn.fit("tanh", (1, 1), range=(-1e9, 1e9)).rms)  # the powers of x are smaller


@pytest.mark.parametrize("range", [(-1e7, 1e7), (-1e-7, 1e-7), (1, 1 + 1e-12)])
def test_coefficients_of_a_range_at_the_bounds_are_float32_numbers(range):
    fitted = rrn.fit("tanh", (3, 2), range=range)
    for values, parameter in zip((fitted.numerator, fitted.denominator), fitted.as_module().parameters(), strict=True):
        assert parameter.isfinite().all()
        assert np.allclose(parameter.detach().double(), values, rtol=1e-6, atol=1e-38)


@pytest.mark.parametrize(("norm", "size"), [("l2", 1e-300), ("minimax", 1e-15), ("l2", 1e25)])
def test_the_error_is_relative_to_the_size_of_the_function(norm, size):
    expected = rrn.fit("tanh", (3, 2), norm=norm)
    found = rrn.fit(lambda x: size * np.tanh(x), (3, 2), norm=norm)
    assert found.largest / size == pytest.approx(expected.largest, rel=1e-3)
    x = np.linspace(-3, 3, 101)
    assert np.abs(found(x) - found.target(x)).max() <= 1.01 * found.largest


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda x: x * np.nan, r"finite on the range; it is not at -3 \(finite: up to 1e\+30\)"),
        (lambda x: 1e300 * x, r"finite on the range; it is not at -3 \(finite: up to 1e\+30\)"),
        (lambda x: x[:-1], r"works element by element; it made \(600,\) of \(601,\)"),
        (lambda x: 1.0, r"works element by element; it made \(\)"),
        (lambda x: None, r"works element by element; it made \(\)"),
        (lambda x: "text", "expected a function with real values, got 'text'"),
        (lambda x: 1 / 0, "it failed: division by zero"),
        (lambda x: x + 1j, "real values, got complex ones"),
    ],
)
def test_a_function_without_real_values_is_refused(function, sentence):
    with pytest.raises(ValueError, match=sentence):
        rrn.fit(function)


@pytest.mark.parametrize("value", [0.0, 3.0, -1e20])
def test_a_constant_is_fitted(value):
    fitted = rrn.fit(lambda x: 0 * x + value, (3, 2))
    assert fitted.largest <= 1e-14 * abs(value)
