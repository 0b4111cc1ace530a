"""The compiled kernels of csrc/ for a CPU, found and called without torch.

There is one module for each set of instructions; arrays come to them as addresses.
"""

from __future__ import annotations

import importlib
from types import ModuleType

Layout = tuple[int, int, int]  # outer, groups, inner: how an array without gaps is seen

MODULES = {"AVX512": ("rrn_cpu_avx512", "rrn_cpu_avx2", "rrn_cpu"), "AVX2": ("rrn_cpu_avx2", "rrn_cpu")}
ENTRIES = ("forward", "backward", "histogram", "capability")  # functions of a module; see csrc/module.cpp
VERSION_NUMBERS = {"A": 0, "B": 1, "D": 1, "C": 2, "N": 3}  # the enum of csrc/rational.h; D is B here


def load(capability: str) -> tuple[ModuleType | None, str]:
    """Import the fastest module for a processor.

    Args:
        capability: set of instructions as torch names it, such as AVX512.

    Returns:
        The module and "", or None and why there is none.
    """
    problem = "no kernel was built; install a C++ compiler (GCC or Clang), then install rrn again"
    for name in MODULES.get(capability, ("rrn_cpu",)):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        if all(hasattr(module, entry) for entry in ENTRIES):
            return module, ""
        problem = "the kernels were built for another version of rrn; install rrn again, with a C++ compiler"
    return None, problem


def capability() -> str:
    """Name the set of instructions of this processor as torch does; DEFAULT without compiled kernels."""
    module, _ = load("DEFAULT")
    return module.capability() if module else "DEFAULT"
