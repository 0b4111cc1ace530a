"""Fit a rational to a function on arrays or tensors, with a result that makes modules: `rrn.fit`.

The fit itself is `rrn.activations.fitting.fit.fit`, which works without torch. Here its functions may also be on
tensors, and its result has `as_module()`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps

from rrn.activations.fitting import fit as array_fit
from rrn.activations.functions import as_function
from rrn.activations.rational import Rational


class Fit(array_fit.Fit):
    __doc__ = array_fit.Fit.__doc__

    def as_module(self, **options) -> Rational:
        """Make a `Rational` with these coefficients; options are its arguments, such as trainable or dtype."""
        return Rational((self.numerator, self.denominator), self.degrees, self.version, **options)


@wraps(array_fit.fit, assigned=["__doc__"], updated=[])
def fit(
    function: str | Callable,
    degrees: tuple[int, int] = (5, 4),
    version: str = "A",
    range: tuple[float, float] = (-3.0, 3.0),
    norm: str = "l2",
    weights: Callable | Sequence[float] | None = None,
    *,
    bounded: bool = False,
) -> Fit:
    weights = as_function(weights) if callable(weights) else weights
    fitted = array_fit.fit(as_function(function), degrees, version, range, norm, weights, bounded=bounded)
    return Fit(**vars(fitted))
