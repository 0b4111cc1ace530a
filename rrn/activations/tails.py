"""Linear tails of rationals: the tangents of R outside a range."""

from __future__ import annotations

import torch
from torch import Tensor

from rrn.activations.ops.operator import is_nested, rational
from rrn.activations.ops.reference import gradients
from rrn.activations.ops.subclasses import by_parts


def rational_with_tails(
    x: Tensor, numerator: Tensor, denominator: Tensor, version: str, axis: int, ends: tuple[float, float]
) -> Tensor:
    """Evaluate R(x) between the ends, and the tangent at the nearer end beyond them.

    Arguments and result are those of `rrn.activations.ops.operator.rational`; `ends` is (low, high).
    """
    if is_nested(x):
        return by_parts(rational_with_tails, x, numerator, denominator, version, axis, ends)
    near = x.clamp(*ends)
    y = rational(near, numerator, denominator, version, axis)
    slopes = _slopes(ends, numerator, denominator, version)  # [2, groups]
    groups = len(numerator)
    if groups == 1:
        slopes = slopes[:, 0]
    else:
        axis %= x.dim()
        repeated = slopes.repeat_interleave(x.shape[axis] // groups, dim=1)
        slopes = repeated.reshape(2, -1, *(1,) * (x.dim() - axis - 1))
    return y + (torch.where(x < near, *slopes) * (x - near)).to(x.dtype)  # type: ignore[attr-defined]


def _slopes(ends: tuple[float, float], numerator: Tensor, denominator: Tensor, version: str) -> Tensor:
    """Compute R'(x) at both ends for each row of coefficients, [2, groups]."""
    x = torch.stack([torch.full_like(numerator[:, 0], end) for end in ends])
    return gradients(torch.ones_like(x), x, numerator, denominator, version, axis=1)[0]
