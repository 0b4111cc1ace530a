"""Change the version or degrees of a rational in place, and keep its function as nearly as possible."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from rrn.activations.affine_and_chain import AffineRational
from rrn.activations.fitting.fit import WIDE, fit
from rrn.activations.fitting.formula import check_form, denominator_size
from rrn.activations.inspection.best_fit import points
from rrn.activations.inspection.histogram import Histogram
from rrn.activations.ops.operator import rational
from rrn.activations.rational import Rational

COMPARED_POINTS = 4001  # where the functions before and after are compared
Inputs = Histogram | Tensor | np.ndarray | None


@dataclass(frozen=True)
class Change:
    """Difference between a module's function before and after: largest and RMS on `range`, the maximum over rows."""

    largest: float
    rms: float
    range: tuple[float, float]

    def __str__(self) -> str:
        low, high = self.range
        return f"on [{low:g}, {high:g}] it differs by {self.largest:.3g} at most, RMS {self.rms:.3g}"


def change_version(module: Rational, version: str, inputs: Inputs = None, range=(-3.0, 3.0)) -> Change:
    """Change the version (the form of Q) of a rational in place, and fit its coefficients to the old function.

    Args:
        module: any `Rational`; further sites of a recurrent one change with it.
        version: A, B, C, D or N. Between B and D only the noise changes.
        inputs: weights of the errors: a histogram of the inputs, or the inputs themselves; None: the histogram that
            `rrn.record_inputs` left on the module, or else even weights on `range`.
        range: (low, high), where to fit without inputs.

    The module gets new parameters: make optimizers afterwards.

    Returns:
        The difference between the old and the new function.

    Raises:
        ValueError: no such version, or a function that cannot be fitted there, such as one with a pole.
    """
    return _change(module, None, version, inputs, range)


def change_degrees(module: Rational, degrees: tuple[int, int], inputs: Inputs = None, range=(-3.0, 3.0)) -> Change:
    """Change the degrees (n, m) of a rational in place, and fit its coefficients to the old function.

    Higher degrees keep the function, with the new coefficients at zero, except for inputs so large that powers of the
    higher degree overflow (docs/details.md, no. 17). Arguments, result and errors are those of `change_version`.
    """
    return _change(module, degrees, None, inputs, range)


def _change(module: Rational, degrees: tuple[int, int] | None, version: str | None, inputs: Inputs, range) -> Change:
    if not isinstance(module, Rational):
        raise ValueError(f"module: expected a Rational, got {type(module).__name__}.")
    if not {"numerator", "denominator"} <= module._parameters.keys():
        raise ValueError(
            "module: its coefficients are pruned or parametrized; remove that first (prune.remove, "
            "remove_parametrizations)."
        )
    degrees, version = check_form(module.degrees if degrees is None else degrees, version or module.version)
    before = copy.deepcopy(module).double().cpu()
    x, weights = points(module, inputs, range)
    (low, high), weights = _seen(before, x, weights)
    same_form = {version, module.version} in ({version}, {"B", "D"})
    same_form &= degrees[0] >= module.degrees[0] and degrees[1] >= module.degrees[1]
    sizes = degrees[0] + 1, denominator_size(degrees[1], version)
    rows = []
    old = (c.detach().double().cpu().split(1) for c in (module.numerator, module.denominator))
    for a, b in zip(*old, strict=True):

        def function(at: np.ndarray, a=a, b=b) -> np.ndarray:
            return rational(torch.from_numpy(at), a, b, module.version).numpy()

        if same_form:
            new = [nn.functional.pad(c, (0, size - c.shape[1])) for c, size in zip((a, b), sizes, strict=True)]
        else:
            slope = max(1.0, np.abs(function(WIDE) / (1 + np.abs(WIDE))).max())  # a bounded fit allows slopes up to 1
            new_fit = fit(lambda at: function(at) / slope, degrees, version, (low, high), weights=weights, bounded=True)  # noqa: B023
            new = [torch.tensor([c], dtype=torch.float64) for c in (new_fit.numerator, new_fit.denominator)]
            new[0] *= slope
        rows.append(new)
    for name, columns in zip(("numerator", "denominator"), zip(*rows, strict=True), strict=True):
        parameter = getattr(module, name)
        setattr(module, name, nn.Parameter(torch.cat(columns).to(parameter), parameter.requires_grad))
    module.degrees, module.version = degrees, version
    module.keep_start()
    return _moved(before, copy.deepcopy(module).double().cpu(), x)


@torch.no_grad()
def _seen(module: Rational, x: np.ndarray, weights: np.ndarray) -> tuple[tuple[float, float], np.ndarray]:
    """Return the range of the inputs that reach R itself, and their weights [K] at evenly spaced points of it.

    Inputs x [K], rising, are those of the module: affine maps and linear tails come before R.
    """
    if isinstance(module, AffineRational):
        x = module._inside(torch.from_numpy(x)).numpy()
        x, weights = (x, weights) if x[0] <= x[-1] else (x[::-1], weights[::-1])
    low, high = float(x[0]), float(x[-1])
    if module.tail_range is not None:
        inside = max(low, module.tail_range[0]), min(high, module.tail_range[1])
        low, high = inside if inside[0] < inside[1] else module.tail_range
    return (low, high), np.interp(np.linspace(low, high, len(x)), x, weights)


@torch.no_grad()
def _moved(before: Rational, after: Rational, x: np.ndarray) -> Change:
    """Compare two rationals at the inputs [K], at even points between them, and at those near 0, where curves bend."""
    ends = float(x[0]), float(x[-1])
    near = np.linspace(-3, 3, COMPARED_POINTS)
    at = np.r_[np.linspace(*ends, COMPARED_POINTS), x, near[(ends[0] <= near) & (near <= ends[1])]]
    column = torch.from_numpy(at)[:, None]
    difference = (after.evaluate_rows(column) - before.evaluate_rows(column)).abs().numpy()
    rms = np.sqrt((difference[:COMPARED_POINTS] ** 2).mean(axis=0).max())
    return Change(float(difference.max()), float(rms), ends)
