"""The compiled kernels of csrc/ for tensors on a CPU: the rational function, and histograms.

There is one module for each set of instructions; the one that torch uses here is taken. Without them (no compiler at
installation, or modules of an earlier version of rrn) operator.py takes reference.py.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import torch
from torch import Tensor

from rrn.activations.ops.cpu_modules import ENTRIES as ENTRIES
from rrn.activations.ops.cpu_modules import MODULES as MODULES
from rrn.activations.ops.cpu_modules import VERSION_NUMBERS, Layout, load

SMALL_TYPES = ()  # read and written as they are: none, bfloat16 and float16 are copied to float32


def parallel_for() -> int:
    """Find the address of torch's C function that shares work out to its threads; 0 where torch has none."""
    for path in (Path(torch.__file__).parent / "lib").glob("*torch_cpu.*"):
        try:
            return ctypes.cast(ctypes.CDLL(str(path)).torch_parallel_for, ctypes.c_void_p).value or 0
        except (OSError, AttributeError):
            continue
    return 0


KERNELS, PROBLEM = load(torch.backends.cpu.get_cpu_capability())
PARALLEL_FOR = parallel_for() if KERNELS else 0


def path() -> str:
    """Say in one sentence what computes rationals on the CPU, and why."""
    if KERNELS is None:
        return f"plain torch, which is several times slower: {PROBLEM}"
    threads = "on torch's threads" if PARALLEL_FOR else "on one thread: this torch has no torch_parallel_for"
    return f"compiled kernel {KERNELS.__name__}, {threads}; torch reports {torch.backends.cpu.get_cpu_capability()}"


def forward(x: Tensor, numerator: Tensor, denominator: Tensor, version: str, layout: Layout) -> Tensor:
    """Compute R(x); all of one dtype, float32 or float64, and x without gaps in memory, as `layout` says."""
    y = torch.empty_like(x)
    KERNELS.forward(*_problem(x, numerator, denominator, version, layout), y.data_ptr(), PARALLEL_FOR)
    return y


def backward(
    grad: Tensor, x: Tensor, numerator: Tensor, denominator: Tensor, version: str, layout: Layout
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the gradients w.r.t. x, numerator and denominator.

    All tensors are of one dtype, float32 or float64, x is without gaps in memory, as `layout` says, and grad, the
    gradient w.r.t. R(x), has the strides of x.
    """
    grads = torch.empty_like(x), torch.empty_like(numerator), torch.empty_like(denominator)
    problem, pointers = _problem(x, numerator, denominator, version, layout), [g.data_ptr() for g in grads]
    KERNELS.backward(*problem, grad.data_ptr(), *pointers, PARALLEL_FOR)
    return grads


def histogram(x: Tensor, edges: Tensor, counts: Tensor) -> None:
    """Add the elements of x, float32 or float64 and without gaps in memory, to the counts of csrc/histogram.h.

    `edges` is [bins + 1] float64, `counts` [bins + 3] int64.
    """
    is_double = x.dtype == torch.float64
    pointers = edges.data_ptr(), len(edges) - 1, counts.data_ptr(), PARALLEL_FOR
    KERNELS.histogram(is_double, x.data_ptr(), x.numel(), *pointers)


def _problem(x: Tensor, numerator: Tensor, denominator: Tensor, version: str, layout: Layout) -> tuple[int, ...]:
    """List the arguments with which forward and backward of the module begin."""
    return (
        x.dtype == torch.float64,
        VERSION_NUMBERS[version],
        *layout,
        numerator.shape[1] - 1,
        denominator.shape[1],
        x.data_ptr(),
        numerator.data_ptr(),
        denominator.data_ptr(),
    )
