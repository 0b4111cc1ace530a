"""Run compiled models eagerly within a context."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext

import torch


def eagerly() -> AbstractContextManager:
    """Return a context manager within which torch.compile is off, so that the hooks of all modules are called."""
    if "torch._dynamo" in sys.modules and not torch.compiler.is_compiling():  # importing it takes seconds
        return torch.compiler.set_stance("force_eager")
    return nullcontext()
