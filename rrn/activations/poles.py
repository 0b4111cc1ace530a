"""The real poles of rationals of version N."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from rrn.activations.rational import Rational, owner_of


def real_poles(denominator: Sequence[float]) -> tuple[float, ...]:
    """Real zeros of Q(x) = 1 + sum_j b_j x^j, rising; `denominator` is b_1 to b_m."""
    if not np.isfinite(denominator).all():
        return ()
    roots = np.polynomial.Polynomial([1.0, *denominator]).roots()
    # a double zero is found as two that are 1e-8 apart
    return tuple(sorted(float(root.real) for root in roots if abs(root.imag) < 1e-7 * (1 + abs(root))))


def poles(module: nn.Module) -> tuple[float, ...]:
    """Real poles of an activation, of all its rows; only a rational of version N can have any."""
    owner = owner_of(module)
    if not isinstance(owner, Rational) or owner.version != "N":
        return ()
    return tuple(sorted({pole for row in owner.denominator.tolist() for pole in real_poles(row)}))
