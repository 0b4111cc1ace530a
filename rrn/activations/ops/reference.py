"""Reference implementation of rational functions R(x) = P(x) / Q(x) and their gradients, in plain torch.

Tests compare the kernels with it, and it is used on devices without a kernel. The source of the kernels is
csrc/rational.h; operator.py chooses, and joins value and gradients.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from rrn.activations.fitting.formula import VERSIONS as VERSIONS
from rrn.activations.fitting.formula import denominator_size as denominator_size


def rational(x: Tensor, numerator: Tensor, denominator: Tensor, version: str = "A", axis: int = 1) -> Tensor:
    """Evaluate R(x) = P(x) / Q(x) element by element.

    Arguments and result are those of `rrn.activations.ops.operator.rational`. Arithmetic here is float32 at least, and
    float64 for degrees above 5. Powers never overflow: beyond a limit of about 2^(120 / degree) (2^(1000 / degree) in
    float64) R continues along its leading power x^(n - m), which differs from R by less than the rounding of the
    arithmetic there unless the leading coefficients are zero or very small beside the others.

    Torch can differentiate this in any way; sign(0) is +1 there, as in `gradients`.
    """
    v = _Values(*_upcast(*_grouped(x, numerator, denominator, axis)), version)
    return (v.p / v.q * v.tail).reshape(x.shape).to(x.dtype)


def gradients(
    grad: Tensor, x: Tensor, numerator: Tensor, denominator: Tensor, version: str, axis: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the gradients of the loss w.r.t. x, numerator and denominator; they can be differentiated again.

    sign(0) is +1 in all of them.

    Args:
        grad: gradient w.r.t. R(x), [shape of x].
        x, numerator, denominator, version, axis: as for `rrn.activations.ops.operator.rational`.
    """
    grouped, a, b = _grouped(x, numerator, denominator, axis)
    grad_x, grad_a, grad_b = _gradients(grad.reshape(grouped.shape), *_upcast(grouped, a, b), version)
    return (
        grad_x.reshape(x.shape).to(x.dtype),
        grad_a.reshape(len(grad_a), -1).t().to(numerator.dtype).contiguous(),
        grad_b.reshape(len(grad_b), -1).t().to(denominator.dtype).contiguous(),
    )


def _grouped(x: Tensor, numerator: Tensor, denominator: Tensor, axis: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return x with an axis for the groups, and a [n + 1, ...] and b [m, ...], whose rows broadcast against it."""
    groups = numerator.shape[0]
    if groups == 1:
        a, b = (c.t().reshape(c.shape[1], *(1,) * x.dim()) for c in (numerator, denominator))
        return x, a, b
    axis %= x.dim()
    inner = (1,) * (x.dim() - axis)
    grouped = x.unflatten(axis, (groups, x.shape[axis] // groups))
    return grouped, *(c.t().unflatten(1, (groups, *inner)) for c in (numerator, denominator))


class _Values:
    """Values that forward and backward share: R(x) = p / q * tail, where z is x clamped to the limit."""

    def __init__(self, x: Tensor, a: Tensor, b: Tensor, version: str):
        self.excess = a.shape[0] - 1 - (b.shape[0] - int(version == "C"))  # n - m
        self.limit = _limit(a, b)
        self.far = x.abs() > self.limit
        # not clamp, whose derivative at the limit itself is 1 in torch 2.13 and 1/2 in 2.14
        self.z = torch.where(self.far, self.limit * x.sign(), x)
        self.ratio = torch.where(self.far, x.abs(), self.limit) / self.limit
        self.tail = self.ratio if self.excess == 1 else self.ratio**self.excess
        self.p = _polynomial(a, self.z)
        # Q = offset + |S(y)|, where S has the coefficients c, from the power `first` on
        self.first = 0 if version == "C" else 1  # version C alone has a b_0
        self.y, c = (_absolute(self.z), _absolute(b)) if version == "A" else (self.z, b)
        self.s = _polynomial(c, self.y) if version == "C" else _polynomial(c, self.y) * self.y
        self.c = c
        self.q = (0.1 if version == "C" else 1.0) + (self.s if version in "AN" else _absolute(self.s))


def _gradients(grad: Tensor, x: Tensor, a: Tensor, b: Tensor, version: str) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the gradients of the loss w.r.t. x, a and b; grad is that w.r.t. R(x)."""
    v = _Values(x, a, b, version)
    r = v.p / v.q
    grad_p = grad * v.tail / v.q
    grad_s = -grad_p * r
    if version in "BCD":
        grad_s = grad_s * _sign(v.s)
    through_s = r * _polynomial(_derivative(v.c, v.first), v.y)
    if version != "N":
        through_s = through_s * _sign(x if version == "A" else v.s)
    # one quotient, which can be differentiated again in float32: 1 / q^2 is 0 there
    inside = grad * v.tail * ((_polynomial(_derivative(a, 0), v.z) - through_s) / v.q)
    # excess / |x| would be denormal above 8.5e37, and 0 where these are flushed
    outside = grad * r * (v.excess * v.ratio ** (v.excess - 1) / v.limit) * _sign(x)
    grad_x = torch.where(v.far, outside, inside)
    grad_b = _power_sums(grad_s, v.y, v.first, b)
    if version == "A":
        grad_b = grad_b * _sign(b)
    return grad_x, _power_sums(grad_p, v.z, 0, a), grad_b


def _upcast(x: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Convert all three to the dtype of the arithmetic: float32 at least, float64 above degree 5."""
    dtype = torch.promote_types(torch.promote_types(x.dtype, a.dtype), torch.float32)
    if max(a.shape[0] - 1, b.shape[0]) > 5:  # with version C, whose b is longer by one, from degree 5
        dtype = torch.float64
    return x.to(dtype), a.to(dtype), b.to(dtype)


@torch.no_grad()
def _limit(a: Tensor, b: Tensor) -> Tensor:
    """Return the largest |x| whose powers, times the coefficients, are far from overflow, [...] like a row of a."""
    exponent = 1000 if a.dtype == torch.float64 else 120
    largest = torch.maximum(a.abs().amax(0), b.abs().amax(0)).clamp(min=1.0)
    return 2.0 ** ((exponent - largest.log2()) / max(a.shape[0] - 1, b.shape[0]))  # exp2 is unknown to ONNX


def _polynomial(c: Tensor, z: Tensor) -> Tensor:
    """Evaluate sum_i c_i z^i, with the shape of z."""
    total = c[-1].expand_as(z)
    for row in reversed(c[:-1].unbind()):
        total = torch.addcmul(row, total, z)
    return total


def _derivative(c: Tensor, first: int) -> Tensor:
    """Return the coefficients of the derivative of sum_i c_i z^(first + i), from z^0 on."""
    # no arange, which does not go with DTensors, nor cumsum, which has no deterministic form on GPUs
    return torch.stack([power * row for power, row in enumerate(c.unbind(), first) if power])


def _power_sums(grad: Tensor, z: Tensor, first: int, like: Tensor) -> Tensor:
    """Sum grad z^(first + i) over all elements that share row i of `like`, for each i."""
    rows = []
    term = grad * z if first else grad
    for i in range(len(like)):
        rows.append(term.sum_to_size(like.shape[1:]))
        if i + 1 < len(like):
            term = term * z
    return torch.stack(rows)


def _absolute(x: Tensor) -> Tensor:
    """Return |x| with derivative +1 at zero, however torch differentiates it; that of torch.abs is 0.

    At zero torch takes the slope that leaky_relu has below it. torch.where(x < 0, -x, x) takes ten times as long.
    """
    return leaky_relu(-x, -1.0)


def _sign(x: Tensor) -> Tensor:
    """Return the sign of x, +1 at zero, so that a coefficient that starts at zero learns."""
    return torch.where(x < 0, -1.0, 1.0)
