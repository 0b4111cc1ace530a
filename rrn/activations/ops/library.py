"""Register rrn::rational with torch.library, for torch.compile, vmap and tracing; and a function for torch.func."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from rrn.activations.ops import kernels, reference

_library = torch.library.Library("rrn", "DEF")
_library.define("rational(Tensor x, Tensor numerator, Tensor denominator, str version, int axis) -> Tensor")
_library.define(
    "rational_backward(Tensor grad, Tensor x, Tensor numerator, Tensor denominator, str version, int axis)"
    " -> (Tensor, Tensor, Tensor)"
)
_library.impl("rational", kernels.forward, "CompositeExplicitAutograd")
_library.impl("rational_backward", kernels.backward, "CompositeExplicitAutograd")


@torch.library.register_fake("rrn::rational")
def _(x, numerator, denominator, version, axis):
    return torch.empty_like(x)


@torch.library.register_fake("rrn::rational_backward")
def _(grad, x, numerator, denominator, version, axis):
    return torch.empty_like(x), *(c.new_empty(c.shape) for c in (numerator, denominator))


def _save(ctx, inputs, output):
    *tensors, ctx.version, ctx.axis = inputs
    ctx.save_for_backward(*tensors)


def _gradients(ctx, grad):
    batched = type(grad) is Tensor and not kernels.have_memory(grad)  # by torch.vmap; others without are compiled
    by_operator = not torch.is_grad_enabled() and not batched
    gradients = torch.ops.rrn.rational_backward if by_operator else reference.gradients
    return *gradients(grad, *ctx.saved_tensors, ctx.version, ctx.axis), None, None


torch.library.register_autograd("rrn::rational", _gradients, setup_context=_save)


@torch.library.register_vmap("rrn::rational")
def _(info, in_dims, x, numerator, denominator, version, axis):
    def batched(tensor, dim):  # [B, ...]
        return tensor.expand(info.batch_size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)

    if in_dims[1] is None and in_dims[2] is None:
        x = x.movedim(in_dims[0], 0)
        return torch.ops.rrn.rational(x, numerator, denominator, version, axis % max(x.dim() - 1, 1) + 1), 0
    # coefficients of their own for each element of the batch are groups along the first axis
    x, numerator, denominator = (batched(t, d) for t, d in zip((x, numerator, denominator), in_dims[:3], strict=True))
    groups = numerator.shape[1]
    axis = axis % max(x.dim() - 1, 1) + 1
    numerator, denominator = numerator.flatten(0, 1), denominator.flatten(0, 1)
    if groups == 1:
        return torch.ops.rrn.rational(x, numerator, denominator, version, 0), 0
    x = x.movedim(axis, 1)
    y = torch.ops.rrn.rational(x.flatten(0, 1), numerator, denominator, version, 0)
    return y.view(x.shape).movedim(1, axis), 0


@torch.library.register_vmap("rrn::rational_backward")
def _(info, in_dims, *inputs):
    *tensors, version, axis = inputs
    gradients = partial(reference.gradients, version=version, axis=axis)
    return torch.vmap(gradients, in_dims[:4])(*tensors), (0, 0, 0)


class TransformedRational(torch.autograd.Function):
    """Operator for torch.func, which ignores gradients of torch.library; backward is that of the reference."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, numerator: Tensor, denominator: Tensor, version: str, axis: int) -> Tensor:
        return torch.ops.rrn.rational(x, numerator, denominator, version, axis)

    setup_context = staticmethod(_save)

    @staticmethod
    def backward(ctx, grad: Tensor):
        x, numerator, denominator = ctx.saved_tensors
        return *reference.gradients(grad, x, numerator, denominator, ctx.version, ctx.axis), None, None
