"""Choose the device of a run, check its memory, and set how a process treats freed memory and denormal numbers."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch

from rrn.common.errors import UserError

CPU = torch.device("cpu")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # numbers of the settings in malloc.h
FREED_MEMORY = 256 << 20  # bytes that a process keeps
LARGEST_KEPT = 32 << 20  # bytes of one tensor; the C library allows no more


def pick_device(name: str) -> torch.device:
    """Return the device for a name: auto (the first GPU, or the CPU), cpu, cuda or cuda:N.

    Raises:
        UserError: the name is another one, or the machine has no such GPU.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:[0-9]+)?", name):
        raise UserError(f"device: expected auto, cpu, cuda or cuda:N, got {name}.")
    kind, _, number = name.partition(":")
    gpus = torch.cuda.device_count()
    if kind == "cuda" and int(number or 0) >= gpus:
        raise UserError(f"device={name}: torch finds {gpus or 'no'} GPU; use device=cpu or device=auto.")
    return torch.device(name)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out; on a CPU, torch has no exception type for it."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def require_memory(setting: str, value: int, needed: int, device: torch.device) -> None:
    """Refuse a setting that needs more memory than a device has free.

    Args:
        setting: its name.
        value: its value.
        needed: bytes that it needs, in proportion to the value.
        device: device with this memory.

    Raises:
        UserError: it does not fit; the message has a value that would.
    """
    free = psutil.virtual_memory().available if device.type == "cpu" else torch.cuda.mem_get_info(device)[0]
    if needed > free:
        raise UserError(
            f"{setting}={value} needs {needed / 1e9:.2f} GB of memory, {free / 1e9:.2f} GB are free: set it to "
            f"{int(value * free / needed * 0.9)} or less."
        )


def keep_freed_memory() -> None:
    """Let this process keep the memory of tensors that it frees, for the next ones; with another C library, do nothing.

    By default the GNU C library gives the memory of tensors of some MB back to the system, and the next ones of that
    size get new pages, each with an interrupt: a thousand in an update of data-efficient Rainbow.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(library, "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
        library.mallopt(M_TRIM_THRESHOLD, FREED_MEMORY)


@contextmanager
def denormals_as_zero() -> Iterator[None]:
    """Treat denormal numbers (below 1e-38 in float32) as 0 on the CPU, within a context.

    Where a gradient stays 0, Adam's averages decay into such numbers and never leave them, and arithmetic on them costs
    the processor a multiple. Threads of torch inherit the mode when they start, so enter it before the first large
    operation of a process.
    """
    smallest = torch.tensor(torch.finfo(torch.float32).tiny)
    before = (smallest / 2).item() == 0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
