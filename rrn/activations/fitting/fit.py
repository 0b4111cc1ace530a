"""Fit the coefficients of a rational to a function on a range: `fit`, and its result `Fit`.

Works without torch. `rrn.fit` is the function in rrn/activations/fit_to_module.py, which also accepts functions on
tensors, and whose result makes modules. The searches are in least_squares.py and minimax.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rrn.activations.fitting.formula import check_form, check_range, denominator_size, rational, real_poles
from rrn.activations.fitting.functions import Function, as_function
from rrn.activations.fitting.least_squares import least_squares
from rrn.activations.fitting.minimax import minimax
from rrn.common.extras import MissingPackage, needs
from rrn.common.notebook import html_picture, html_text

if TYPE_CHECKING:
    from rrn.common.figure import Figure

NORMS = ("l2", "minimax")
FIT_POINTS = 601  # of the range, evenly spaced
WIDE = np.tan(np.linspace(-1.57, 1.57, 801))  # points over the line, where a bounded fit is held outside its range
LARGEST_DEGREE = 12  # of a fit; above about 8 the rounding of float64 makes fits slower and no better
LARGEST_VALUE = 1e30  # of the function; float32, in which coefficients are used, ends at 3e38
FAR = 10  # tails are compared at this many times the larger end of the range


@dataclass(frozen=True)
class Fit:
    """Rational that was fitted to a function.

    `numerator` [n + 1] and `denominator` [m] (version C: [m + 1]) have the lowest power first; `largest` and `rms` are
    its unweighted errors on the range. Called with an array, it returns R(x).
    """

    numerator: tuple[float, ...]
    denominator: tuple[float, ...]
    version: str
    range: tuple[float, float]
    norm: str
    largest: float
    rms: float
    target: Function = field(repr=False, compare=False)

    @property
    def degrees(self) -> tuple[int, int]:
        """Degrees (n, m) of P and Q."""
        return len(self.numerator) - 1, len(self.denominator) - (self.version == "C")

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return R(x) in float64, [any shape] to the same; infinite at a pole."""
        with np.errstate(divide="ignore"):
            return rational(np.asarray(x), self.numerator, np.asarray(self.denominator), self.version)

    @property
    def poles(self) -> tuple[float, ...]:
        """Real zeros of Q; only version N can have any."""
        return real_poles(self.denominator) if self.version == "N" else ()

    @property
    def warnings(self) -> list[str]:
        """Sentences about its poles, and about where it departs from the target outside the range."""
        lines = [f"it has a pole at {pole:.3g}." for pole in self.poles]
        low, high = self.range
        reach = FAR * max(abs(low), abs(high))
        with np.errstate(all="ignore"):
            at = np.array([-reach, reach])
            values, targets = self(at), self._target(at)
        for x, value, target in zip(at, values, targets, strict=True):
            if not abs(value - target) <= 0.05 + 0.05 * abs(target):
                lines.append(
                    f"outside {self._range} it leaves the target: at {x:g} it is {value:.3g}, not {target:.3g}."
                )
        n, m = self.degrees
        if n == m + 1 and lines and np.isfinite(self._slope):
            lines.append(f"degrees {self.degrees} give equal slopes at both ends, {self._slope:.3g} here.")
        return lines

    def _target(self, x: np.ndarray) -> np.ndarray:
        """Evaluate the target at x [K], with NaN where it raises ValueError."""
        try:
            return self.target(x)
        except ValueError:
            if len(x) == 1:
                return np.array([np.nan])
            return np.concatenate([self._target(point) for point in x[:, None]])

    @property
    def _range(self) -> str:
        return f"[{self.range[0]:g}, {self.range[1]:g}]"

    @property
    def _slope(self) -> float:
        last = self.denominator[-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.float64(self.numerator[-1]) / (last if self.version == "N" else abs(last)))

    def __str__(self) -> str:
        rows = [
            f"version {self.version}, degrees {self.degrees}, {self.norm} on {self._range}: "
            f"largest error {self.largest:.3g}, RMS {self.rms:.3g}",
            *(
                f"{name:11} [{', '.join(f'{c:.9g}' for c in getattr(self, name))}]"
                for name in ("numerator", "denominator")
            ),
            *(f"note: {line}" for line in self.warnings),
        ]
        return "\n".join(rows)

    def _repr_html_(self) -> str:
        """Return text and figure for a notebook; the text alone without matplotlib."""
        text = html_text(str(self))
        try:
            return text + html_picture(self.figure._repr_png_(), "image/png")
        except MissingPackage:
            return text

    @cached_property
    def figure(self) -> Figure:
        """Figure of target and fit on twice the range, and of the error on the range.

        Raises:
            MissingPackage: matplotlib is not installed.
        """
        with needs("the figure of a fit", "plot"):
            from rrn.common.figure import Figure  # only needed here

        low, high = self.range
        margin = (high - low) / 2
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        x = np.linspace(low - margin, high + margin, 1001)
        with np.errstate(all="ignore"):
            target = self._target(x)
        left.axvspan(low, high, color="0.94")
        left.plot(x, target, color="0.35", linestyle="--", label="target")
        left.plot(x, self(x), color="#1f4e9c", linewidth=2, label="rational")
        inside = target[np.isfinite(target)]
        if len(inside):
            height = np.ptp(inside) or 1.0
            left.set_ylim(inside.min() - 0.15 * height, inside.max() + 0.15 * height)
        left.legend(frameon=False)
        left.set_title(f"version {self.version}, degrees {self.degrees}, {self.norm}", fontsize=10)
        x = np.linspace(low, high, 2001)
        right.plot(x, self(x) - self.target(x), color="#1f4e9c")
        right.axhline(0, color="0.6", linewidth=0.6)
        right.set_title(f"error: largest {self.largest:.2g}, RMS {self.rms:.2g}", fontsize=10)
        for axes in (left, right):
            axes.spines[["top", "right"]].set_visible(False)
            axes.set_xlabel("x")
        return figure


def fit(
    function: str | Callable,
    degrees: tuple[int, int] = (5, 4),
    version: str = "A",
    range: tuple[float, float] = (-3.0, 3.0),
    norm: str = "l2",
    weights: Callable | Sequence[float] | np.ndarray | None = None,
    *,
    bounded: bool = False,
) -> Fit:
    """Fit P / Q to a function on a range; equal calls give equal coefficients.

    Args:
        function: a name (`rrn.activations.fitting.functions.NAMES`) or a callable on arrays; for `rrn.fit` it may be
            on tensors.
        degrees: (n, m) of P and Q, from 1 to 12.
        version: A, B, C or N, see `rrn.activations.ops.operator.rational`; D is fitted as B.
        range: (low, high).
        norm: "l2", least squares on evenly spaced points from several starts, or "minimax", the smallest
            maximum error, which is the global optimum for A and N.
        weights: weights of the errors: a positive callable on arrays, or numbers [K] at evenly spaced points of the
            range. They multiply squared errors for l2, errors for minimax.
        bounded: constrain the fit outside the range too, like the starting coefficients of `Rational`: no fold or
            pole, and for n <= m + 1 no growth beyond |x| (or that of the function).

    Raises:
        ValueError: an invalid argument, a range whose powers are too large or too small for float32, or a function that
            is not finite on the range.
    """
    version = "B" if version == "D" else version
    degrees, version = check_form(degrees, version)
    if max(degrees) > LARGEST_DEGREE:
        raise ValueError(
            f"degrees: expected at most {LARGEST_DEGREE} for a fit, got {degrees}; the rounding of float64 makes "
            "higher ones no better. A rational with coefficients that you give may have them."
        )
    target, weigh = _check(function, max(degrees), range, norm, weights)
    low, high = (float(end) for end in range)
    outside = WIDE[(low > WIDE) | (high < WIDE)] if bounded else None
    form, (n, m) = _tame(version, degrees) if bounded else (version, degrees)
    x = np.linspace(low, high, FIT_POINTS)
    size = float(np.abs(target(x)).max())
    if size and not 1e-3 <= size <= 1e3:  # the tolerances of the searches are for values around 1
        scaled = fit(lambda at: target(at) / size, degrees, version, range, norm, weights, bounded=bounded)
        a = tuple(size * c for c in scaled.numerator)
        return replace(scaled, numerator=a, target=target, largest=size * scaled.largest, rms=size * scaled.rms)
    growth = max(1.0, float(np.max(np.abs(target(x)) / (1 + np.abs(x)))))
    held = outside if n <= m + 1 else None
    numerator, denominator = minimax((low, high), target, weigh, (n, m), form, held, growth)
    if norm == "l2" and m:  # starting from the minimax fit, which is near; random starts may miss it
        problem = x, target(x), np.sqrt(weigh(x))
        numerator, denominator = least_squares(*problem, (n, m), form, outside, growth, denominator)
    numerator, denominator = _as_asked(numerator, denominator, form, degrees, version)
    dense = np.linspace(low, high, 20 * FIT_POINTS)
    error = rational(dense, numerator, denominator, version) - target(dense)
    largest, rms = float(np.abs(error).max()), float(np.sqrt(np.mean(error**2)))
    a, b = (tuple(float(c) for c in row) for row in (numerator, denominator))
    if not (math.isfinite(largest) and np.isfinite([*a, *b]).all()):
        raise ValueError(f"no rational with finite coefficients was found for degrees {degrees}; choose lower ones.")
    return Fit(a, b, version, (low, high), norm, largest, rms, target)


def _tame(version: str, degrees: tuple[int, int]) -> tuple[str, tuple[int, int]]:
    """Return version and degrees of a bounded fit, which may have neither a fold nor a pole anywhere.

    Except in version A, the sum S in Q has a zero if its degree is odd, and Q a fold or pole there; so it is fitted
    with an even degree. With m = 1, B and C are fitted as A, where Q = 1 + |b x| has its fold at 0.
    """
    n, m = degrees
    if version == "A" or m % 2 == 0:
        return version, degrees
    if m == 1 and version in "BC":
        return "A", degrees
    return version, (min(n, m) if n <= m + 1 else n, m - 1)


def _as_asked(a: np.ndarray, b: np.ndarray, form: str, degrees: tuple[int, int], version: str):
    """Convert coefficients from the form that `_tame` chose to the requested one; missing ones are 0."""
    if form == "A" and version == "C":  # 1 + |b x| is 10 (0.1 + |b x / 10|)
        a, b = 0.1 * a, np.r_[0.0, 0.1 * b]
    sizes = degrees[0] + 1, denominator_size(degrees[1], version)
    return tuple(np.pad(row, (0, size - len(row))) for row, size in zip((a, b), sizes, strict=True))


def _check(function, degree: int, range, norm, weights) -> tuple[Function, Function]:
    """Check these arguments, and return the function and the weights as functions on arrays."""
    if norm not in NORMS:
        raise ValueError(f"norm: expected one of {', '.join(NORMS)}, got {norm!r}.")
    check_range(range)
    low, high = range
    least, most = (float(size) ** (1 / degree) for size in (np.finfo(np.float32).tiny, np.finfo(np.float32).max))
    if not least <= max(abs(low), abs(high)) <= most:
        raise ValueError(
            f"range: expected numbers of a size from {least:.2g} to {most:.2g}, whose powers up to x^{degree} float32 "
            f"holds, got {range!r}; rescale x."
        )
    x = np.linspace(low, high, FIT_POINTS)
    target = as_function(function)
    with np.errstate(all="ignore"):
        y = target(x)
    bad = x[~(np.abs(y) <= LARGEST_VALUE)]
    if len(bad):
        limit = f"(finite: up to {LARGEST_VALUE:g})"
        raise ValueError(
            f"expected a function that is finite on the range; it is not at {bad[0]:.4g} {limit}; change the range."
        )
    if weights is None:
        return target, np.ones_like
    if not callable(weights):
        try:
            given = np.asarray(weights, dtype=np.float64)
        except (TypeError, ValueError):
            given = np.empty(0)
        if given.ndim != 1 or not len(given):
            raise ValueError(f"weights: expected a function or numbers [K], got {weights!r}.")
        weigh: Function = lambda at: np.interp(at, np.linspace(low, high, len(given)), given)  # noqa: E731
    else:
        weigh = as_function(weights)
    if not ((weigh(x) >= 0) & np.isfinite(weigh(x))).all() or weigh(x).max() == 0:
        raise ValueError("weights: expected finite numbers of at least 0, not all of them 0.")
    floor = 1e-6 * weigh(x).max()  # a point without weight would leave Q free to vanish there
    return target, lambda at: np.maximum(weigh(at), floor)
