"""Name the function that an activation has learned: the known a f(c x + d) + b that is nearest to it on its inputs.

For given c and d the best a and b are a linear problem, so the search runs over c and d alone (variable projection,
Golub and Pereyra 1973), from several starts.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import least_squares

from rrn.activations.fitting import functions
from rrn.activations.fitting.formula import check_range
from rrn.activations.fitting.functions import ALIASES, Function, affine_formula
from rrn.activations.inspection.histogram import Histogram
from rrn.activations.inspection.sources import as_curve, as_function, in_float32, named
from rrn.common.extras import needs
from rrn.common.notebook import html_table
from rrn.common.renamed import renamed

if TYPE_CHECKING:
    from torch import Tensor

    from rrn.activations.inspection.fitted_function import FittedFunction

SCALES, SHIFTS = (0.1, 0.3, 0.6, 1.0, 1.5, 3.0, 8.0), np.linspace(-3, 3, 13)  # starts, at deviation 1
REFINED_STARTS = 6  # number of starts that are refined: the best of those that are best for their scale
EVEN_POINTS = 401  # where functions are compared without recorded inputs
CONSTANT = 1e-24  # variance over squared mean up to which values differ by rounding only
LARGEST = 1e30  # of inputs and outputs; float32 ends at 3e38
ROUNDING = 1e-7  # of float32
LEAST_SCALE = 0.01  # of c, at deviation 1: for smaller ones c x vanishes in the rounding of c x + d
LARGEST_SHIFT = 100.0  # of b, beside the outputs: for larger ones a f and b cancel
SCALE_FREE = ("relu", "leaky_relu", "leaky_relu_0.1", "identity")  # f(c x) = c f(x) for c > 0

__getattr__ = renamed(
    __name__,
    {
        "FittedFunction": "rrn.activations.inspection.fitted_function:FittedFunction",
        "Known": "rrn.activations.inspection.fitted_function:FittedFunction",
        "KnownFit": "rrn.activations.inspection.best_fit:FunctionFit",
    },
)

HEADS = ("distance", "relative", "function")  # of the printed table
Candidates = Sequence[str] | Mapping[str, Callable]


@dataclass(frozen=True)
class FunctionFit:
    """Known function fitted to an activation: a f(c x + d) + b, its distance, and the other candidates.

    `distance` is the root mean squared difference over the inputs, in float32; `relative` is the same divided by the
    standard deviation of the outputs. `function` is f: on tensors where torch was imported before, else on arrays.
    `others` are the remaining candidates, nearest first. Printed, and in a notebook, it is a table of all candidates.
    """

    name: str
    a: float
    b: float
    c: float
    d: float
    distance: float
    relative: float
    function: Callable
    others: tuple[FunctionFit, ...] = field(default=(), repr=False)

    @property
    def complexity(self) -> int:
        """Number of a, b, c and d that differ from those of f(x) alone, which are 1, 0, 1 and 0."""
        return sum(
            abs(value - plain) > 1e-2
            for value, plain in zip((self.a, self.b, self.c, self.d), (1, 0, 1, 0), strict=True)
        )

    @property
    def formula(self) -> str:
        """Formula as text, such as "1.02 silu(0.98 x + 0.1) - 0.03"."""
        return affine_formula(self.name, self.a, self.b, self.c, self.d)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Evaluate the fitted function at x, an array of any shape, in float64."""
        return self._on(as_function(self.function), np.asarray(x, dtype=np.float64))

    def _on(self, function: Callable, x: Any) -> Any:
        return self.a * function(self.c * x + self.d) + self.b

    def as_module(self) -> FittedFunction:
        """Make an activation of torch without parameters of the fitted function.

        Raises:
            MissingPackage: torch is not installed.
        """
        with needs("FunctionFit.as_module"):
            from rrn.activations.inspection.fitted_function import FittedFunction

        is_known = functions.FUNCTIONS.get(self.name) is self.function  # on arrays
        function = named(self.name) if is_known else self.function
        return FittedFunction(self.name, function, self.a, self.b, self.c, self.d)

    def _rows(self) -> list[tuple[str, str, str]]:
        fits = (self, *self.others)
        return [HEADS, *((f"{fit.distance:.3g}", f"{fit.relative:.3g}", fit.formula) for fit in fits)]

    def __str__(self) -> str:
        return "\n".join(f"{distance:10}{relative:10}{formula}" for distance, relative, formula in self._rows())

    def _repr_html_(self) -> str:
        return html_table(*self._rows())


def best_fit(
    module: Any,
    candidates: Candidates | None = None,
    inputs: Histogram | Tensor | np.ndarray | None = None,
    range: tuple[float, float] = (-3.0, 3.0),
) -> FunctionFit:
    """Find the known function that is nearest to an activation, by least squares over its inputs.

    Args:
        module: an element-wise activation, evaluated in eval mode; any such function; or a rational of another
            framework, or its coefficients as of `rrn.convert.coefficients`.
        candidates: names (`rrn.activations.fitting.functions.NAMES`), or functions on arrays or tensors by name; None:
            all known functions.
        inputs: a histogram of the inputs, or the inputs themselves; None: the histogram that `rrn.record_inputs` left
            on the module (for a recurrent rational, those of all its sites), or else evenly spaced points on `range`.
        range: (low, high), used without inputs.

    If two functions are equally near, up to one part in 10,000 of the standard deviation of the outputs, the simpler
    formula is preferred: tanh(x) over 2 sigmoid(2 x) - 1. Numbers that cancel in float32, such as those of
    7e5 hardswish(3e-6 x - 3), are not considered. A candidate without finite values on the inputs is left out, with a
    warning.

    Raises:
        ValueError: no candidate, an unknown name, inputs without two different values in float32, a module whose values
            are not finite, or a rational with several rows of coefficients.
    """
    module = as_curve(module)
    known = functions.FUNCTIONS if candidates is None else candidates
    if isinstance(known, str) or not isinstance(known, Iterable):
        raise ValueError(f"candidates: expected names, or functions by name, got {known!r}.")
    if candidates is None or not isinstance(known, Mapping):
        known = {ALIASES.get(name, name): named(name) for name in known}
    if not known:
        raise ValueError("candidates: expected one or more, got none.")
    x, weights = points(module, inputs, range)
    if not (abs(x) <= LARGEST).all() or len(set(x.astype(np.float32))) < 2:
        ends = f"got {x[0]:.10g} to {x[-1]:.10g}"
        raise ValueError(f"inputs: expected numbers up to {LARGEST:g} that differ in float32, {ends}; rescale them.")
    y = as_function(module)(x)
    bad = ~(abs(y) <= LARGEST)
    if bad.any():
        raise ValueError(
            f"module: expected finite values, up to {LARGEST:g}, on the inputs; it is {y[bad][0]:g} at {x[bad][0]:.4g}."
        )
    fits = [_fit_candidate(name, function, x, y, weights) for name, function in known.items()]
    left_out = ", ".join(fit.name for fit in fits if not math.isfinite(fit.distance))
    fits = [fit for fit in fits if math.isfinite(fit.distance)]
    if not fits:
        raise ValueError(f"candidates: expected finite values on the inputs; {left_out} has none there.")
    if left_out:
        warnings.warn(f"candidates: {left_out} has no finite values on the inputs and is left out.", stacklevel=2)
    fits.sort(key=lambda fit: (round(fit.relative / 1e-4), fit.complexity))
    first, *others = fits
    return replace(first, others=tuple(others))


def _fit_candidate(name: str, function: Callable, x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> FunctionFit:
    """Fit one candidate to y at x [K] with these weights [K], and measure its distance, which may not be finite."""
    mean, level = float(weights @ x), float(weights @ y)
    spread, height = (float(np.sqrt(weights @ (v - v_mean) ** 2)) for v, v_mean in ((x, mean), (y, level)))
    height = height or 1.0  # a constant
    try:
        a, b, c, d = _fit(as_function(function), (x - mean) / spread, (y - level) / height, weights, level / height)
    except ValueError as error:
        raise ValueError(f"candidates: {name}: {error}") from error
    c, d = c / spread, d - c * mean / spread
    a, b = a * height, b * height + level
    b = 0.0 if abs(b) < ROUNDING * height else b
    d = 0.0 if abs(d) < ROUNDING * abs(c) * spread else d
    if name in SCALE_FREE:
        a, c, d = a * abs(c), math.copysign(1.0, c), d / abs(c)
    if name == "identity":
        a, b, c, d = a * c, b + a * d, 1.0, 0.0
    fit = FunctionFit(name, a, b, c, d, math.nan, math.nan, function)
    distance = float(np.sqrt(weights @ (_in_float32(fit, x) - y) ** 2))
    return replace(fit, distance=distance, relative=distance / height)


def _in_float32(fit: FunctionFit, x: np.ndarray) -> np.ndarray:
    """Evaluate the fit at x [K] in float32, or in float64 if its function does not take float32."""
    try:
        with np.errstate(all="ignore"):
            return as_function(lambda at: fit._on(fit.function, in_float32(at)))(x)
    except ValueError:
        return fit(x)


def points(module, inputs, range) -> tuple[np.ndarray, np.ndarray]:
    """Return the inputs at which to compare, [K] and rising, and their weights [K], which sum to 1.

    Arguments and errors are those of `best_fit`.
    """
    if inputs is None:
        inputs = getattr(module, "recorded_inputs", None)
        everywhere = getattr(module, "recorded_everywhere", ())  # at all sites of a recurrent rational
        if len(everywhere) > 1:
            inputs = Histogram.together(everywhere)
    if inputs is None:
        check_range(range)
        x = np.linspace(*range, EVEN_POINTS)  # type: ignore[call-overload]
        return x, np.full(EVEN_POINTS, 1 / EVEN_POINTS)
    if not isinstance(inputs, Histogram):
        values, inputs = inputs, Histogram()
        try:
            inputs.add(values)
        except ValueError:
            raise ValueError(f"inputs: expected a histogram, a tensor or an array, got {values!r}.") from None
    outside = inputs.below + inputs.above + inputs.nan
    if outside > 0.01 * inputs.total:
        low, high = inputs.range
        warnings.warn(
            f"{outside:,} of {inputs.total:,} inputs are outside [{low:.3g}, {high:.3g}], the range of their "
            f"histogram{', or NaN' * bool(inputs.nan)}, and do not count; record them with a wider range=.",
            stacklevel=3,
        )
    filled = inputs.counts > 0
    if filled.sum() < 2:
        raise ValueError("inputs: expected two different values or more; record more of them, or in finer bins.")
    return inputs.centres[filled], inputs.counts[filled] / inputs.counts.sum()


def _fit(
    f: Function, z: np.ndarray, y: np.ndarray, weights: np.ndarray, level: float
) -> tuple[float, float, float, float]:
    """Fit a, b, c, d to y + level; z and y [K] have mean 0 and deviation 1 under weights [K]."""
    root = np.sqrt(weights)
    largest_shift = LARGEST_SHIFT * math.hypot(1, level)

    def project(c: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Solve for the best a and b [N] for each c and d [N]; also return the residuals [N, K + 2].

        Residuals are multiplied by root weights; the last two are penalties for numbers that cancel.
        """
        with np.errstate(all="ignore"):
            values = f((np.outer(c, z) + d[:, None]).ravel()).reshape(-1, len(z))
            mean = values @ weights
            centred = values - mean[:, None]
            variance = centred**2 @ weights
            a = np.where(variance > CONSTANT * mean**2, centred @ (weights * y) / variance, 0.0)
            shift = np.maximum(abs(level - a * mean) - largest_shift, 0)
            scale = 1e3 * np.maximum(LEAST_SCALE - abs(c), 0)
            rest = np.c_[(a[:, None] * centred - y) * root, shift, scale]
        return a, -a * mean, np.where(np.isfinite(rest), rest, 1e6)

    def cost(variables: np.ndarray) -> np.ndarray:
        return project(*variables[:, None])[2][0]

    starts = np.array(list(product((*SCALES, *(-s for s in SCALES)), SHIFTS)))
    costs = (project(*starts.T)[2] ** 2).sum(axis=1).reshape(-1, len(SHIFTS))
    best_of_scale = starts.reshape(*costs.shape, 2)[np.arange(len(costs)), costs.argmin(axis=1)]
    refined = np.sort(costs.min(axis=1).argsort()[:REFINED_STARTS])  # of equal ones that with a positive scale first
    best = None
    for start in best_of_scale[refined]:
        solution = least_squares(cost, start, max_nfev=60)
        if best is None or solution.cost < best.cost * (1 - 1e-6) - 1e-16:
            best = solution
    c, d = best.x
    (a,), (b,), _ = project(np.array([c]), np.array([d]))
    return float(a), float(b), float(c), float(d)
