"""The one operator behind every rational activation: value, gradients, and which kernel computes them.

It is registered with torch.library as rrn::rational, for torch.compile, vmap and the rest. Eager code takes a
shorter way to the same kernels: the dispatcher and a Python kernel cost 15 microseconds more forward and 30
backward than an autograd.Function, which is much for a small network (scripts/bench/activation.py).
"""

from __future__ import annotations

import math
import warnings
from functools import partial
from types import ModuleType

import torch
from torch import Tensor, nn
from torch._C._functorch import TransformType, is_functorch_wrapped_tensor
from torch.autograd import forward_ad
from torch.autograd.function import _SingleLevelFunction

from rrn.activations.fitting.formula import VERSIONS
from rrn.activations.ops import cpu, cuda, reference

# what torch.export and torch.onnx.export make is for places without rrn; before torch 2.7 it keeps the operator
exporting = getattr(torch.compiler, "is_exporting", lambda: False)
OWN = (Tensor, nn.Parameter)  # types of coefficients that the short way takes; others have rules of their own


def rational(x: Tensor, numerator: Tensor, denominator: Tensor, version: str = "A", axis: int = 1) -> Tensor:
    """Evaluate R(x) = P(x) / Q(x) element by element.

    P(x) = sum_i a_i x^i, and Q(x) by version (Molina et al. 2020, section 3, has A as its safe form):
    A: 1 + sum_j |b_j x^j|, B: 1 + |sum_j b_j x^j|, C: 0.1 + |sum_j b_j x^j| with j from 0,
    N: 1 + sum_j b_j x^j, which may have poles. D is B; its noise is drawn in rrn/activations/rational.py.

    Arithmetic is float32 at least; no power overflows for a finite x, see docs/details.md no. 17.
    sign(0) is +1 in all gradients. Of the size of x, only x is kept for backward.

    Args:
        x: input, any shape, strides and float type.
        numerator: [G, n + 1], lowest power first.
        denominator: [G, m], or [G, m + 1] for version C, lowest power first.
        version: one of A, B, C, D, N.
        axis: for G > 1, the axis of x whose size is a multiple of G; its consecutive
            elements share one row of coefficients.

    Returns:
        R(x), with the shape and type of x.

    Raises:
        ValueError: unknown version, coefficients of another shape, type or device, an axis that G
            does not divide, or x that is no dense tensor of a float type.
    """
    _check(x, numerator, denominator, version, axis)
    compiling = torch.compiler.is_compiling()
    if compiling and (torch._C._are_functorch_transforms_active() or exporting()):
        return reference.rational(x, numerator, denominator, version, axis)
    own = type(x) is Tensor and type(numerator) in OWN and type(denominator) in OWN
    if compiling or not own or x.is_neg() or _is_traced():
        return torch.ops.rrn.rational(x, numerator, denominator, version, axis)
    if torch._C._are_functorch_transforms_active():
        if any(one.key() == TransformType.Jvp for one in torch._C._functorch.get_interpreter_stack()):
            return reference.rational(x, numerator, denominator, version, axis)
        return _Transformed.apply(x, numerator, denominator, version, axis)
    wrapped = is_functorch_wrapped_tensor
    if wrapped(x) or wrapped(numerator) or wrapped(denominator):  # it has outlived its torch.func
        return torch.ops.rrn.rational(x, numerator, denominator, version, axis)
    if forward_ad._current_level >= 0:  # forward-mode derivatives, which plain torch has
        return reference.rational(x, numerator, denominator, version, axis)
    if torch.is_grad_enabled() and (x.requires_grad or numerator.requires_grad or denominator.requires_grad):
        return _Rational.apply(x, numerator, denominator, (version, axis))
    return _forward(x, numerator, denominator, version, axis)


def _check(x: Tensor, numerator: Tensor, denominator: Tensor, version: str, axis: int) -> None:
    if version not in VERSIONS:
        raise ValueError(f"version: expected one of {', '.join(VERSIONS)}, got {version!r}.")
    if not isinstance(x, Tensor) or x.layout is not torch.strided:
        kind = f"one of {x.layout}" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"expected a dense tensor, got {kind}.")
    device = x.device
    for name, tensor in (("an input", x), ("a numerator", numerator), ("a denominator", denominator)):
        if not tensor.is_floating_point() or tensor.device != device:
            raise ValueError(
                f"expected {name} of a float type on {device}, where the input is, got {tensor.dtype} on "
                f"{tensor.device}; coefficients move with the module that owns them."
            )
    a, b = numerator.shape, denominator.shape
    if len(a) != 2 or len(b) != 2 or a[1] < 2 or b[1] < 1:
        raise ValueError(
            "expected a numerator [G, n + 1] and a denominator [G, m] with n and m of at least 1, "
            f"got shapes {tuple(a)} and {tuple(b)}."
        )
    groups = a[0]
    if groups != b[0] or groups < 1:
        raise ValueError(f"expected as many rows in the denominator as in the numerator, got {b[0]} and {groups}.")
    if groups > 1 and (not -x.dim() <= axis < x.dim() or x.shape[axis] % groups):
        raise ValueError(
            f"expected an input whose axis {axis} is a multiple of groups={groups}, got shape {tuple(x.shape)}."
        )


def _is_traced() -> bool:
    """Is torch.jit.trace, make_fx or another mode recording the operators?"""
    return torch._C._get_tracing_state() is not None or torch._C._len_torch_dispatch_stack() > 0


class _Rational(_SingleLevelFunction):
    """The short way, for eager code. Double backward goes through the reference.

    Its base is that of autograd.Function without what torch.func needs, which costs 4 microseconds a call.
    """

    @staticmethod
    def forward(ctx, x: Tensor, numerator: Tensor, denominator: Tensor, form: tuple[str, int]) -> Tensor:
        ctx.save_for_backward(x, numerator, denominator)
        ctx.form = form
        return _forward(x, numerator, denominator, *form)

    @staticmethod
    def backward(ctx, grad: Tensor):
        # of autograd.grad(is_grads_batched=True), or within torch.vmap
        batch = torch._C._functorch.is_legacy_batchedtensor(grad) or is_functorch_wrapped_tensor(grad)
        gradients = reference.gradients if torch.is_grad_enabled() or batch else _backward
        return *gradients(grad, *ctx.saved_tensors, *ctx.form), None


class _Transformed(torch.autograd.Function):
    """For torch.func, which takes no gradient registered with torch.library; it goes through the reference."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, numerator: Tensor, denominator: Tensor, version: str, axis: int) -> Tensor:
        return torch.ops.rrn.rational(x, numerator, denominator, version, axis)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        _save(ctx, inputs, output)

    @staticmethod
    def backward(ctx, grad: Tensor):
        return *reference.gradients(grad, *ctx.saved_tensors, ctx.version, ctx.axis), None, None


def _forward(x: Tensor, numerator: Tensor, denominator: Tensor, version: str, axis: int) -> Tensor:
    kernels = _kernels(x)
    if kernels is None:
        return reference.rational(x, numerator, denominator, version, axis)
    if x.numel() == 0:
        return torch.empty_like(x)
    dense, layout = _dense(x, numerator.shape[0], axis)
    y = kernels.forward(*_arithmetic(dense, numerator, denominator, kernels), version, layout)
    return y if dense is x and y.dtype is x.dtype else _like(y, x)


def _backward(
    grad: Tensor, x: Tensor, numerator: Tensor, denominator: Tensor, version: str, axis: int
) -> tuple[Tensor, Tensor, Tensor]:
    kernels = _kernels(x)
    if kernels is None:
        return reference.gradients(grad, x, numerator, denominator, version, axis)
    if x.numel() == 0:
        return torch.empty_like(x), *(c.new_zeros(c.shape) for c in (numerator, denominator))
    dense, layout = _dense(x, numerator.shape[0], axis)
    z, a, b = _arithmetic(dense, numerator, denominator, kernels)
    if grad.dtype is not z.dtype or grad.stride() != z.stride() or grad.is_neg() or grad._is_zerotensor():
        grad = torch.empty_like(z).copy_(grad)
    grads = kernels.backward(grad, z, a, b, version, layout)
    if dense is x and z is x and a is numerator and b is denominator:
        return grads
    return _like(grads[0], x), grads[1].to(numerator.dtype), grads[2].to(denominator.dtype)


def _kernels(x: Tensor) -> ModuleType | None:
    """The module with the kernels for the device of x, or None, with a warning at the first time."""
    if x.is_cpu and cpu.KERNELS:
        return cpu
    if x.is_cuda and cuda.problem() is None:
        return cuda
    _warn_once(x.device.type)
    return None


_warned: set[str] = set()


def _warn_once(device: str) -> None:
    if device not in _warned:
        _warned.add(device)
        warnings.warn(
            f"rationals on {device} run in plain torch, which is several times slower than a kernel. "
            "`python -m rrn.doctor` says why, and what to do.",
            stacklevel=2,
        )


def _dense(x: Tensor, groups: int, axis: int) -> tuple[Tensor, cpu.Layout]:
    """x, or a contiguous copy of it, and how its memory is seen: (outer, groups, inner)."""
    contiguous = x.is_contiguous()
    channels_last = not contiguous and x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)
    if groups == 1 and (contiguous or channels_last or in_memory_order(x).is_contiguous()):
        return x, (1, 1, x.numel())
    axis %= max(x.dim(), 1)
    if channels_last and axis == 1:
        return x, (x.numel() // x.shape[1], groups, x.shape[1] // groups)
    outer = math.prod(x.shape[:axis])
    return x.contiguous(), (outer, groups, x.numel() // outer // groups)


def in_memory_order(x: Tensor) -> Tensor:
    """x with its axes from the longest stride to the shortest; contiguous, if its memory has no gaps."""
    return x.permute(sorted(range(x.dim()), key=x.stride, reverse=True))


def _arithmetic(
    x: Tensor, numerator: Tensor, denominator: Tensor, kernels: ModuleType
) -> tuple[Tensor, Tensor, Tensor]:
    """All three in the type of the arithmetic, float32 at least, but for an x that the kernels read as it is; the
    coefficients contiguous."""
    if x.dtype is numerator.dtype is denominator.dtype and x.dtype in (torch.float32, torch.float64):
        return x, _contiguous(numerator), _contiguous(denominator)
    dtype = torch.promote_types(torch.promote_types(x.dtype, numerator.dtype), torch.float32)
    if dtype is not torch.float32 or x.dtype not in kernels.SMALL_TYPES:
        x = x.to(dtype)
    return x, *(_contiguous(c.to(dtype)) for c in (numerator, denominator))


def _contiguous(c: Tensor) -> Tensor:
    """c as its memory has it; asking first is quicker than two operators that do nothing."""
    return c if c.is_contiguous() and not c.is_neg() else c.contiguous().resolve_neg()


def _like(y: Tensor, x: Tensor) -> Tensor:
    """y with the type of x, and with the strides that torch.empty_like gives it."""
    like = torch.empty_like(x)
    return y if y.dtype == x.dtype and y.stride() == like.stride() else like.copy_(y)


_library = torch.library.Library("rrn", "DEF")
_library.define("rational(Tensor x, Tensor numerator, Tensor denominator, str version, int axis) -> Tensor")
_library.define(
    "rational_backward(Tensor grad, Tensor x, Tensor numerator, Tensor denominator, str version, int axis)"
    " -> (Tensor, Tensor, Tensor)"
)
_library.impl("rational", _forward, "CompositeExplicitAutograd")
_library.impl("rational_backward", _backward, "CompositeExplicitAutograd")


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
    gradients = reference.gradients if torch.is_grad_enabled() else torch.ops.rrn.rational_backward
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
