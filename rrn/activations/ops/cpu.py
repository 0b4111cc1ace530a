"""The compiled kernels of csrc/ for tensors on a CPU: the rational function, and histograms.

There is one module for each set of instructions; the one that torch uses here is taken too. Without
them (no compiler at installation) operator.py takes reference.py.
"""

from __future__ import annotations

import ctypes
import importlib
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

Layout = tuple[int, int, int]  # outer, groups, inner

MODULES = {"AVX512": ("rrn_cpu_avx512", "rrn_cpu_avx2", "rrn_cpu"), "AVX2": ("rrn_cpu_avx2", "rrn_cpu")}
SMALL_TYPES = ()  # read and written as they are: none, bfloat16 and float16 are copied to float32
VERSION_NUMBERS = {"A": 0, "B": 1, "D": 1, "C": 2, "N": 3}  # the enum of csrc/rational.h; D is B here


def load() -> ModuleType | None:
    """The module for this processor, or None if there is none."""
    for name in MODULES.get(torch.backends.cpu.get_cpu_capability(), ("rrn_cpu",)):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def parallel_for() -> int:
    """Address of torch's C function that shares work out to its threads, or 0 where torch has none."""
    for path in (Path(torch.__file__).parent / "lib").glob("*torch_cpu.*"):
        try:
            return ctypes.cast(ctypes.CDLL(str(path)).torch_parallel_for, ctypes.c_void_p).value or 0
        except (OSError, AttributeError):
            continue
    return 0


KERNELS = load()
PARALLEL_FOR = parallel_for() if KERNELS else 0


def path() -> str:
    """What computes rationals on the CPU, and why, as one sentence."""
    if KERNELS is None:
        return (
            "plain torch, which is several times slower: no kernel was built; "
            "install a C++ compiler (GCC or Clang), then install rrn again"
        )
    threads = "on torch's threads" if PARALLEL_FOR else "on one thread: this torch has no torch_parallel_for"
    return f"compiled kernel {KERNELS.__name__}, {threads}; torch reports {torch.backends.cpu.get_cpu_capability()}"


def forward(x: Tensor, numerator: Tensor, denominator: Tensor, version: str, layout: Layout) -> Tensor:
    """R(x), all of one type, float32 or float64, with x dense in memory as `layout` says."""
    y = torch.empty_like(x)
    KERNELS.run(*_problem(x, numerator, denominator, version, layout), y.data_ptr(), 0, 0, 0, 0, PARALLEL_FOR)
    return y


def backward(
    grad: Tensor, x: Tensor, numerator: Tensor, denominator: Tensor, version: str, layout: Layout
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients for x, numerator and denominator; grad has the strides of x."""
    grads = torch.empty_like(x), torch.empty_like(numerator), torch.empty_like(denominator)
    pointers = [g.data_ptr() for g in grads]
    KERNELS.run(*_problem(x, numerator, denominator, version, layout), 0, grad.data_ptr(), *pointers, PARALLEL_FOR)
    return grads


def histogram(x: Tensor, edges: Tensor, counts: Tensor) -> None:
    """Add the elements of x, float32 or float64 and dense in memory, to the counts, as csrc/histogram.h lays them out.

    `edges` is [bins + 1] float64, `counts` [bins + 3] int64.
    """
    is_double = x.dtype == torch.float64
    pointers = edges.data_ptr(), len(edges) - 1, counts.data_ptr(), PARALLEL_FOR
    KERNELS.histogram(is_double, x.data_ptr(), x.numel(), *pointers)


def _problem(x: Tensor, numerator: Tensor, denominator: Tensor, version: str, layout: Layout) -> tuple[int, ...]:
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
