"""Compute value and gradients with the kernels for the device of the input, or with the reference without kernels.

Prepare the arguments of the kernels: the memory format of x, the dtype of the arithmetic, contiguous coefficients.
"""

from __future__ import annotations

import math
import warnings
from types import ModuleType

import torch
from torch import Tensor

from rrn.activations.ops import cpu, cuda, reference


def have_memory(*tensors: Tensor) -> bool:
    """Return whether each tensor has memory to read; those that torch.func or is_grads_batched=True wraps have none."""
    try:
        for tensor in tensors:
            tensor.data_ptr()
    except RuntimeError:
        return False
    return True


def forward(x: Tensor, numerator: Tensor, denominator: Tensor, version: str, axis: int) -> Tensor:
    """Compute R(x); arguments and result as for `operator.rational`."""
    kernels = _kernels(x)
    if kernels is None:
        return reference.rational(x, numerator, denominator, version, axis)
    if x.numel() == 0:
        return torch.empty_like(x)
    dense, layout = _dense(x, numerator.shape[0], axis)
    y = kernels.forward(*_arithmetic(dense, numerator, denominator, kernels), version, layout)
    return y if dense is x and y.dtype is x.dtype else _like(y, x)


def backward(
    grad: Tensor, x: Tensor, numerator: Tensor, denominator: Tensor, version: str, axis: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the gradients w.r.t. x, numerator and denominator; arguments and results as for `reference.gradients`."""
    kernels = _kernels(x)
    if kernels is None:
        return reference.gradients(grad, x, numerator, denominator, version, axis)
    if x.numel() == 0:
        return torch.empty_like(x), numerator.new_zeros(numerator.shape), denominator.new_zeros(denominator.shape)
    dense, layout = _dense(x, numerator.shape[0], axis)
    z, a, b = _arithmetic(dense, numerator, denominator, kernels)
    zeros = not grad.data_ptr() and grad.untyped_storage().nbytes()  # torch's tensor of zeros, which has no memory
    if zeros or grad.dtype is not z.dtype or grad.stride() != z.stride() or grad.is_neg():
        grad = torch.empty_like(z).copy_(grad)
    grads = kernels.backward(grad, z, a, b, version, layout)
    if dense is x and z is x and a is numerator and b is denominator:
        return grads
    return _like(grads[0], x), grads[1].to(numerator.dtype), grads[2].to(denominator.dtype)


def _kernels(x: Tensor) -> ModuleType | None:
    """Return the module with the kernels for the device of x, or None, with a warning the first time."""
    if x.is_cpu and cpu.KERNELS:
        return cpu
    if x.is_cuda and cuda.problem() is None:
        return cuda
    if not x.is_meta:  # where nothing is computed
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
    """Return x, or a contiguous copy of it, and its memory as (outer, groups, inner)."""
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
    """Permute the axes of x from the longest stride to the shortest; contiguous, if its memory has no gaps."""
    return x.permute(sorted(range(x.dim()), key=x.stride, reverse=True))


def _arithmetic(
    x: Tensor, numerator: Tensor, denominator: Tensor, kernels: ModuleType
) -> tuple[Tensor, Tensor, Tensor]:
    """Convert all three to the dtype of the arithmetic, float32 at least, with contiguous coefficients.

    An x of a dtype that the kernels read themselves stays as it is.
    """
    if x.dtype is numerator.dtype is denominator.dtype and x.dtype in (torch.float32, torch.float64):
        return x, _contiguous(numerator), _contiguous(denominator)
    dtype = torch.promote_types(torch.promote_types(x.dtype, numerator.dtype), torch.float32)
    if dtype is not torch.float32 or x.dtype not in kernels.SMALL_TYPES:
        x = x.to(dtype)
    return x, _contiguous(numerator.to(dtype)), _contiguous(denominator.to(dtype))


def _contiguous(c: Tensor) -> Tensor:
    """Return c contiguous and without the negative bit; checking first is faster than two operators without effect."""
    return c if c.is_contiguous() and not c.is_neg() else c.contiguous().resolve_neg()


def _like(y: Tensor, x: Tensor) -> Tensor:
    """Return y with the dtype of x and the strides of torch.empty_like(x)."""
    like = torch.empty_like(x)
    return y if y.dtype == x.dtype and y.stride() == like.stride() else like.copy_(y)
