"""`rrn.fit`: fit a rational to a function of arrays or tensors, and make a module of what is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps

from rrn.activations.fitting import fit as of_arrays
from rrn.activations.functions import as_function
from rrn.activations.rational import Rational


class Fit(of_arrays.Fit):
    __doc__ = of_arrays.Fit.__doc__

    def as_module(self, **options) -> Rational:
        """A `Rational` with these coefficients; options as for it, such as trainable or dtype."""
        return Rational((self.numerator, self.denominator), self.degrees, self.version, **options)


@wraps(of_arrays.fit, assigned=["__doc__"], updated=[])
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
    found = of_arrays.fit(as_function(function), degrees, version, range, norm, weights, bounded=bounded)
    return Fit(**vars(found))
