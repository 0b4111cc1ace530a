"""Fit the coefficients of a rational to a function on a range: least squares, or the smallest largest error.

Least squares goes by variable projection: for a given denominator the best numerator is a linear problem,
so the search runs over the denominator alone (Golub and Pereyra 1973), from several starts. The minimax
fit is in minimax.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import least_squares

from rrn.activations.functions import Function, as_function
from rrn.activations.minimax import minimax
from rrn.activations.poles import real_poles
from rrn.activations.rational import check_form, check_range
from rrn.activations.reference import denominator_size

NORMS = ("l2", "minimax")
POINTS = 601
STARTS = 12
WIDE = np.tan(np.linspace(-1.57, 1.57, 801))  # points that cover the line, for what is held outside a range
FAR = 10  # times the range: where tails are compared


@dataclass(frozen=True)
class Fit:
    """A rational that was fitted to a function.

    `numerator` [n + 1] and `denominator` [m] (version C: [m + 1]), lowest power first; `largest` and `rms` are
    its errors on the range, not weighted. Called with an array, it gives R(x).
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
        return len(self.numerator) - 1, len(self.denominator) - (self.version == "C")

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """R(x) in float64, [any shape] to the same; infinite at a pole."""
        with np.errstate(divide="ignore"):
            return _polynomial(self.numerator, x) / _q(np.asarray(self.denominator), x, self.version)

    @property
    def poles(self) -> tuple[float, ...]:
        """Real zeros of Q; only version N can have any."""
        return real_poles(self.denominator) if self.version == "N" else ()

    @property
    def warnings(self) -> list[str]:
        """Where it leaves the target outside the range, and its poles; a sentence each."""
        lines = [f"it has a pole at {pole:.3g}." for pole in self.poles]
        low, high = self.range
        reach = FAR * max(abs(low), abs(high))
        with np.errstate(all="ignore"):
            at = np.array([-reach, reach])
            values, targets = self(at), self.target(at)
        for x, value, target in zip(at, values, targets, strict=True):
            if not abs(value - target) <= 0.05 + 0.05 * abs(target):
                lines.append(
                    f"outside {self._range} it leaves the target: at {x:g} it is {value:.3g}, not {target:.3g}."
                )
        n, m = self.degrees
        if n == m + 1 and lines and np.isfinite(self._slope):
            lines.append(f"degrees {self.degrees} give equal slopes at both ends, {self._slope:.3g} here.")
        return lines

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

    @cached_property
    def figure(self) -> Figure:
        """Target and fit on twice the range, and the error on the range."""
        low, high = self.range
        margin = (high - low) / 2
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        x = np.linspace(low - margin, high + margin, 1001)
        with np.errstate(all="ignore"):
            target = self.target(x)
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

    def as_module(self, **options):
        """A `Rational` with these coefficients; options as for it, such as trainable or dtype."""
        from rrn.activations.rational import Rational  # which uses this file to fit what it starts from

        return Rational((self.numerator, self.denominator), self.degrees, self.version, **options)


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
    """Fit P / Q to a function on a range; the same call gives the same coefficients.

    Args:
        function: a name (`rrn.activations.functions.FUNCTIONS`) or a callable on arrays or tensors.
        degrees: (n, m) of P and Q, at least 1.
        version: A, B, C or N, see `rrn.activations.operator.rational`; D is fitted as B.
        range: (low, high).
        norm: "l2", least squares on evenly spaced points from several starts, or "minimax", the smallest
            largest error, which is the global optimum for A and N.
        weights: of the errors: a positive callable on arrays, or numbers at evenly spaced points of the range;
            squared errors are multiplied by it for l2, errors for minimax.
        bounded: hold the fit outside the range, where else it is free, as the starting coefficients of
            `Rational` are: no fold or pole, and for n <= m + 1 no growth beyond |x| (or that of the function).

    Raises:
        ValueError: an argument out of its range, or a function that is not finite on the range.
    """
    version = "B" if version == "D" else version
    target, weigh = _check(function, degrees, version, range, norm, weights)
    low, high = (float(end) for end in range)
    outside = WIDE[(low > WIDE) | (high < WIDE)] if bounded else None
    x = np.linspace(low, high, POINTS)
    growth = max(1.0, float(np.max(np.abs(target(x)) / (1 + np.abs(x)))))
    held = outside if degrees[0] <= degrees[1] + 1 else None
    numerator, denominator = minimax((low, high), target, weigh, degrees, version, held, growth)
    if norm == "l2":  # the other one is near, where starts at random do not find the way
        of_points = x, target(x), np.sqrt(weigh(x))
        numerator, denominator = _least_squares(*of_points, degrees, version, outside, growth, denominator)
    dense = np.linspace(low, high, 20 * POINTS)
    error = _polynomial(numerator, dense) / _q(denominator, dense, version) - target(dense)
    largest, rms = float(np.abs(error).max()), float(np.sqrt(np.mean(error**2)))
    a, b = (tuple(float(c) for c in row) for row in (numerator, denominator))
    return Fit(a, b, version, (low, high), norm, largest, rms, target)


def _check(function, degrees, version, range, norm, weights) -> tuple[Function, Function]:
    """The function and the weights on arrays, if all arguments make sense."""
    check_form(degrees, version)
    if norm not in NORMS:
        raise ValueError(f"norm: expected one of {', '.join(NORMS)}, got {norm!r}.")
    check_range(range)
    x = np.linspace(*range, POINTS)
    target = as_function(function)
    with np.errstate(all="ignore"):
        bad = x[~np.isfinite(target(x))]
    if len(bad):
        raise ValueError(f"expected a function that is finite on the range; it is not at {bad[0]:.4g}.")
    if weights is None:
        return target, np.ones_like
    if not callable(weights):
        try:
            given = np.asarray(weights, dtype=np.float64)
        except (TypeError, ValueError):
            given = np.empty(0)
        if given.ndim != 1 or not len(given):
            raise ValueError(f"weights: expected a function or numbers [K], got {weights!r}.")
        weigh = lambda at: np.interp(at, np.linspace(*range, len(given)), given)  # noqa: E731
    else:
        weigh = as_function(weights)
    if not (weigh(x) >= 0).all() or weigh(x).max() == 0:
        raise ValueError("weights: expected numbers of at least 0, not all of them 0.")
    floor = 1e-6 * weigh(x).max()  # a point without weight would leave Q free to vanish there
    return target, lambda at: np.maximum(weigh(at), floor)


def _least_squares(
    x, target, root, degrees, version: str, outside, growth: float, near: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Numerator and denominator of the least error from a denominator that is near, and from some at random."""
    n, m = degrees
    generator = np.random.default_rng(0)
    scale = max(abs(x[0]), abs(x[-1]))
    best: tuple[float, np.ndarray] | None = None
    for guess in (near, *(_guess(generator, start, m, version, scale) for start in range(STARTS))):
        arguments = (x, target, root, n, version, outside, growth)
        found = least_squares(_residual, guess, args=arguments, x_scale="jac", ftol=1e-12, max_nfev=100)
        if best is None or found.cost < best[0]:
            best = found.cost, found.x
    denominator = np.abs(best[1]) if version == "A" else best[1]
    return _numerator(denominator, x, target, root, n, version)[0], denominator


def _guess(generator: np.random.Generator, start: int, m: int, version: str, scale: float) -> np.ndarray:
    """Search variables to start from: even powers, odd powers and all powers in turn."""
    powers = np.arange(1, m + 1)
    size = (generator.uniform(0.1, 1.5, m) * 3 / scale) ** powers
    kept = [powers % 2 == 0, powers % 2 == 1, powers > 0][start % 3]
    sign = generator.choice([-0.3, 1.0], m) if version != "A" and start % 3 == 2 else 1.0
    guess = size * sign * kept
    return np.r_[generator.uniform(0.2, 1.0), guess] if denominator_size(m, version) > m else guess


def _s(denominator: np.ndarray, x: np.ndarray, version: str) -> np.ndarray:
    """The sum in the denominator, before its absolute value is taken."""
    if version == "A":
        return _polynomial(np.r_[0.0, np.abs(denominator)], np.abs(x))
    return _polynomial(denominator if version == "C" else np.r_[0.0, denominator], x)


def _q(denominator: np.ndarray, x: np.ndarray, version: str) -> np.ndarray:
    s = _s(denominator, x, version)
    return (0.1 if version == "C" else 1) + (s if version == "N" else np.abs(s))


def _polynomial(coefficients: Sequence[float], x: np.ndarray) -> np.ndarray:
    return np.polynomial.polynomial.polyval(x, np.asarray(coefficients))


def _numerator(denominator, x, target, root, n: int, version: str) -> tuple[np.ndarray, np.ndarray]:
    """The best numerator [n + 1] for this denominator, and the weighted residual [points]."""
    columns = x[:, None] ** np.arange(n + 1) * (root / _q(denominator, x, version))[:, None]
    numerator = np.linalg.lstsq(columns, root * target, rcond=None)[0]
    return numerator, columns @ numerator - root * target


def _residual(variables, x, target, root, n: int, version: str, outside, growth: float) -> np.ndarray:
    denominator = np.abs(variables) if version == "A" else variables
    numerator, residual = _numerator(denominator, x, target, root, n, version)
    if version == "N":  # no pole on the range; outside it neither, if bounded
        at = x if outside is None else np.r_[x, outside]
        sign = _q(denominator, at, version)
    else:
        at = x[:0] if outside is None else outside
        sign = _s(denominator, at, version)
    fold = np.minimum(sign / (1 + np.abs(at) ** len(denominator)) - 1e-6, 0)
    residual = np.r_[residual, 1e3 * fold]  # each costs more than any error
    if outside is None:
        return residual
    tail = _polynomial(numerator, outside) / _q(denominator, outside, version) / (1 + np.abs(outside))
    return np.r_[residual, np.maximum(np.abs(tail) - growth, 0)]
