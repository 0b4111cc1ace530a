"""Name the function that an activation has learned: the known a f(c x + d) + b that is nearest to it on its inputs.

For given c and d the best a and b are a linear problem, so the search runs over c and d alone (variable projection,
Golub and Pereyra 1973), from several starts.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from scipy.optimize import least_squares
from torch import Tensor, nn

from rrn.activations.fitting.formula import check_range
from rrn.activations.fitting.functions import ALIASES, Function
from rrn.activations.functions import FUNCTIONS, as_function, named
from rrn.activations.inspection.histogram import Histogram
from rrn.activations.rational import coefficients_of
from rrn.common.renamed import renamed

SCALES, SHIFTS = (0.1, 0.3, 0.6, 1.0, 1.5, 3.0, 8.0), np.linspace(-3, 3, 13)  # starts, at deviation 1
REFINED_STARTS = 6  # number of starts that are refined: the best of those that are best for their scale
EVEN_POINTS = 401  # where functions are compared without recorded inputs
CONSTANT = 1e-24  # variance over squared mean up to which values differ by rounding only
SCALE_FREE = ("relu", "leaky_relu", "leaky_relu_0.1", "identity")  # f(c x) = c f(x) for c > 0

__getattr__ = renamed(
    __name__,
    {
        "Known": "rrn.activations.inspection.best_fit:FittedFunction",
        "KnownFit": "rrn.activations.inspection.best_fit:FunctionFit",
    },
)

Candidates = Sequence[str] | Mapping[str, Callable[[Tensor], Tensor]]


class FittedFunction(nn.Module):
    """Activation a f(c x + d) + b without parameters, on tensors of any shape; f is a function on tensors."""

    is_activation = True

    def __init__(self, name: str, function: Callable[[Tensor], Tensor], a: float, b: float, c: float, d: float):
        super().__init__()
        self.name, self.function = name, function
        self.a, self.b, self.c, self.d = a, b, c, d

    def forward(self, x: Tensor) -> Tensor:
        return self.a * self.function(self.c * x + self.d) + self.b

    def extra_repr(self) -> str:
        return _formula(self.name, self.a, self.b, self.c, self.d)


@dataclass(frozen=True)
class FunctionFit:
    """Known function fitted to an activation: a f(c x + d) + b, its distance, and the other candidates.

    `distance` is the root mean squared difference over the inputs, `relative` the same divided by the
    standard deviation of the outputs. `others` are the remaining candidates, nearest first.
    """

    name: str
    a: float
    b: float
    c: float
    d: float
    distance: float
    relative: float
    function: Callable[[Tensor], Tensor]
    others: tuple[FunctionFit, ...] = ()

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
        return _formula(self.name, self.a, self.b, self.c, self.d)

    def as_module(self) -> FittedFunction:
        """Make an activation without parameters of the fitted function."""
        return FittedFunction(self.name, self.function, self.a, self.b, self.c, self.d)

    def __str__(self) -> str:
        return "\n".join(f"{fit.distance:.3g}  {fit.formula}" for fit in (self, *self.others))


def best_fit(
    module: nn.Module | Function,
    candidates: Candidates | None = None,
    inputs: Histogram | Tensor | np.ndarray | None = None,
    range: tuple[float, float] = (-3.0, 3.0),
) -> FunctionFit:
    """Find the known function that is nearest to an activation, by least squares over its inputs.

    Args:
        module: an element-wise activation, evaluated in eval mode; or any such function.
        candidates: names (`rrn.activations.fitting.functions.NAMES`), or functions on tensors by name; None: all
            known functions.
        inputs: a histogram of the inputs, or the inputs themselves; None: the histogram that `rrn.record_inputs` left
            on the module (for a recurrent rational, those of all its sites), or else evenly spaced points on `range`.
        range: (low, high), used without inputs.

    If two functions are equally near, up to one part in 10,000 of the standard deviation of the outputs, the simpler
    formula is preferred: tanh(x) over 2 sigmoid(2 x) - 1.

    Raises:
        ValueError: no candidate, an unknown name, inputs without two different values, or a rational with several
            rows of coefficients.
    """
    owner = coefficients_of(module)  # type: ignore[arg-type]
    rows = len(next(owner.parameters())) if hasattr(owner, "evaluate_rows") else 1
    if rows > 1:
        raise ValueError(
            f"module: expected one function, it has {rows} rows of coefficients; name one of "
            "them, as in best_fit(lambda x: module.evaluate_rows(x[:, None])[:, 0])."
        )
    known = {name: named(name) for name in FUNCTIONS} if candidates is None else candidates
    if isinstance(known, str) or not isinstance(known, Iterable):
        raise ValueError(f"candidates: expected names, or functions by name, got {known!r}.")
    if not isinstance(known, Mapping):
        known = {ALIASES.get(name, name): named(name) for name in known}
    if not known:
        raise ValueError("candidates: expected one or more, got none.")
    x, weights = points(module, inputs, range)
    y = as_function(module)(x)
    mean, level = weights @ x, weights @ y
    spread, height = (np.sqrt(weights @ (v - v_mean) ** 2) for v, v_mean in ((x, mean), (y, level)))
    height = height or 1.0  # a constant
    fits = []
    for name, function in known.items():
        a, b, c, d, relative = _fit(as_function(function), (x - mean) / spread, (y - level) / height, weights)
        c, d = c / spread, d - c * mean / spread
        a, b = a * height, b * height + level  # type: ignore[assignment]
        if name in SCALE_FREE:
            a, c, d = a * abs(c), math.copysign(1.0, c), d / abs(c)
        if name == "identity":
            a, b, c, d = a * c, b + a * d, 1.0, 0.0
        fits.append(FunctionFit(name, a, b, c, d, relative * height, relative, function))
    fits.sort(key=lambda fit: (round(fit.relative / 1e-4), fit.complexity))
    first, *others = fits
    return FunctionFit(**{**vars(first), "others": tuple(others)})


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
        values, inputs = torch.as_tensor(inputs), Histogram()
        inputs.add(values)
    outside = inputs.below + inputs.above
    if outside > 0.01 * inputs.total:
        low, high = inputs.range
        warnings.warn(
            f"{outside:,} of {inputs.total:,} inputs are outside [{low:.3g}, {high:.3g}], the range of their "
            "histogram, and do not count; record them with a wider range=.",
            stacklevel=3,
        )
    filled = inputs.counts > 0
    if filled.sum() < 2:
        raise ValueError("inputs: expected two different values or more; record more of them, or in finer bins.")
    return inputs.centres[filled], inputs.counts[filled] / inputs.counts.sum()


def _fit(f: Function, z: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[float, float, float, float, float]:
    """Fit a, b, c, d, and return them with the distance; z and y [K] have mean 0 and deviation 1 under weights [K]."""
    root = np.sqrt(weights)

    def project(c: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Solve for the best a and b [N] for each c and d [N]; also return the residuals [N, K], times root weights."""
        with np.errstate(all="ignore"):
            values = f((np.outer(c, z) + d[:, None]).ravel()).reshape(-1, len(z))
            mean = values @ weights
            centred = values - mean[:, None]
            variance = centred**2 @ weights
            a = np.where(variance > CONSTANT * mean**2, centred @ (weights * y) / variance, 0.0)
            rest = (a[:, None] * centred - y) * root
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
    (a,), (b,), (rest,) = project(*best.x[:, None])
    return float(a), float(b), float(best.x[0]), float(best.x[1]), float(np.sqrt(rest @ rest))


def _formula(name: str, a: float, b: float, c: float, d: float) -> str:
    def term(value: float) -> str:
        return f" {'-' if value < 0 else '+'} {abs(value):.3g}" if abs(value) >= 5e-4 else ""

    def factor(value: float) -> str:
        text = f"{value:.3g}"
        return {"1": "", "-1": "-"}.get(text, f"{text} ")

    return f"{factor(a)}{name}({factor(c)}x{term(d)}){term(b)}"
