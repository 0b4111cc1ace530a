"""Find the rational with the smallest maximum error, by bisection over linear programs.

For a fixed error E, |f - P / Q| <= E is linear in the coefficients, -E Q <= f Q - P <= E Q, wherever Q > 0.
So the smallest E for which the program has a solution is the global optimum (Loeb 1957; Boyd and
Vandenberghe 2004, section 4.3) over the denominators of that form: all of version A, and those of version N
without a pole on the range. In B and C the sum S may change its sign, which is not linear; there it is the best
over the S that keep their sign, those that change it at zero, and the even ones. The even ones are found with
version A, whose programs are easier to solve where errors are as small as 1e-6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from rrn.activations.fitting.formula import rational

MINIMAX_POINTS = 400  # of the range, denser at its ends
GAP = 2e-4  # relative, between an error that is reached and one that cannot be; the search ends there
EXACT = 1e-13  # an error that is zero except for rounding
LEAST_Q = 1e-3  # lower bound of Q in version N


@dataclass(frozen=True)
class _Form:
    """Denominator Q(t) = offset + sum_j b_j phi_j(t): S of t, S of |t|, or S with its sign changed for t < 0."""

    version: str
    m: int
    flipped: bool = False

    @property
    def offset(self) -> float:
        return 0.1 if self.version == "C" else 1.0

    def phi(self, t: np.ndarray) -> np.ndarray:
        """Evaluate the functions phi_j at t [K], as [K, number of denominator coefficients]."""
        first = 0 if self.version == "C" else 1
        powers = (np.abs(t) if self.version == "A" else t)[:, None] ** np.arange(first, self.m + 1)
        return np.where(t < 0, -1.0, 1.0)[:, None] * powers if self.flipped else powers

    @property
    def least(self) -> float:
        """Lower bound of S; in version A the bounds of the coefficients ensure it."""
        return LEAST_Q - 1 if self.version == "N" else 0.0


def minimax(
    x: tuple[float, float],
    function,
    weights,
    degrees: tuple[int, int],
    version: str,
    outside: np.ndarray | None,
    growth: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the rational with the smallest maximum of the weighted error on a range.

    Args:
        x: the range (low, high).
        function, weights: functions on arrays; the error is multiplied by the weight, which is positive.
        degrees, version: form of the rational; D is fitted as B.
        outside: points beyond the range where |R(x)| <= growth (1 + |x|) and S keeps its sign; None: R is not
            constrained there.
        growth: see `outside`.

    Returns:
        Numerator [n + 1] and denominator.
    """
    low, high = x
    points = (low + high) / 2 - (high - low) / 2 * np.cos(np.linspace(0, np.pi, MINIMAX_POINTS))
    if low < 0 < high:
        points = np.unique(np.r_[points, 0.0])
    forms = [_Form(version, degrees[1])]
    if version in "BC" and low < 0 < high:
        forms.append(_Form(version, degrees[1], flipped=True))
    arguments = points, function(points), weights(points), degrees[0]
    solutions = [_search(*arguments, form, outside, growth) for form in forms]
    if version in "BC":
        _, a, b = _search(*arguments, _Form("A", degrees[1]), outside, growth)
        b[::2] = 0.0  # of odd powers
        even = rational(points, a, b, "B")
        error = np.abs(weights(points) * (even - function(points))).max()
        solutions.append((error, a, b) if version == "B" else (error, 0.1 * a, 0.1 * np.r_[0.0, b]))
    return min(solutions, key=lambda solution: solution[0])[1:]


def _search(points, target, weights, n: int, form: _Form, outside, growth) -> tuple[float, np.ndarray, np.ndarray]:
    """Return error, numerator and denominator of the best rational of this form."""
    scale = np.abs(points).max()  # powers of t = x / scale are at most 1 on the range
    t = points / scale
    powers, phi = t[:, None] ** np.arange(n + 1), form.phi(t)
    fixed = _held(t, n, form, outside, scale, growth)
    zeros = np.zeros(phi.shape[1])
    if form.version == "C":
        zeros[0] = 1.0  # any S > 0 will do at the start
    a = np.r_[np.average(target, weights=weights), np.zeros(n)]
    upper, lower, best = np.abs(weights * (target - a[0])).max(), 0.0, (a * (form.offset + zeros.sum()), zeros)
    trial = upper / 10
    while upper > EXACT and upper - lower > GAP * upper:
        solution = _feasible(trial / weights, target, powers, phi, form, fixed)
        reached = False
        if solution is not None:
            a, b = solution
            q = form.offset + phi @ b
            error = np.abs(weights * (powers @ a / q - target)).max() if (q > 0).all() else np.inf
            reached = error < upper and error <= 1.001 * trial
            if error < upper:
                upper, best = error, (a, b)
        if not reached:
            lower = trial
        trial = (lower + upper) / 2 if lower > upper / 4 else np.sqrt(max(lower, upper / 1000) * upper)
    first = 0 if form.version == "C" else 1
    numerator, denominator = best
    return upper, numerator / scale ** np.arange(n + 1), denominator / scale ** np.arange(first, form.m + 1)


def _held(t: np.ndarray, n: int, form: _Form, outside, scale: float, growth: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the constraints that do not depend on the error: rows [*, n + 1 + denominator] and right sides [*]."""
    rows, rights = [], []

    def add(numerator, denominator, right, size):
        rows.append(np.c_[numerator, denominator] / size[:, None])
        rights.append(right / size)

    everywhere = t if outside is None else np.r_[t, outside / scale]
    if form.version != "A":  # S >= least
        phi = form.phi(everywhere)
        size = 1 + np.abs(everywhere) ** form.m
        add(np.zeros((len(phi), n + 1)), -phi, np.full(len(phi), -form.least), size)
    if outside is not None:  # |P| <= limit Q
        far = outside / scale
        powers, phi = far[:, None] ** np.arange(n + 1), form.phi(far)
        limit = growth * (1 + np.abs(outside))
        size = limit * (1 + np.abs(far) ** max(n, form.m))
        for sign in (1, -1):
            add(sign * powers, -limit[:, None] * phi, limit * form.offset, size)
    if not rows:
        return np.zeros((0, n + 1 + form.phi(t).shape[1])), np.zeros(0)
    return np.vstack(rows), np.concatenate(rights)


def _feasible(error, target, powers, phi, form: _Form, fixed) -> tuple[np.ndarray, np.ndarray] | None:
    """Find coefficients with -error Q <= f Q - P <= error Q, with the widest margin; None if there are none."""
    unit = error[:, None]
    above = np.c_[-powers, (target[:, None] - unit) * phi, error] / unit
    below = np.c_[powers, (-target[:, None] - unit) * phi, error] / unit
    rights = [form.offset * (1 - target / error), form.offset * (1 + target / error), fixed[1]]
    held = np.c_[fixed[0], np.zeros(len(fixed[0]))]
    free = (None, None)
    bounds = [free] * powers.shape[1] + [(0, None) if form.version == "A" else free] * phi.shape[1] + [(None, 1.0)]
    objective = np.zeros(len(bounds))
    objective[-1] = -1
    solution = linprog(
        objective, np.vstack([above, below, held]), np.concatenate(rights), bounds=bounds, method="highs"
    )
    if solution.status != 0:
        return None
    return solution.x[: powers.shape[1]], solution.x[powers.shape[1] : -1]
