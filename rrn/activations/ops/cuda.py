"""The rational function by the kernels of csrc/rational.cu, for tensors on an NVIDIA GPU.

cuda.core compiles them at run time (no nvcc), once for each variant, and keeps them in its folder on disk.
`pip install .[cuda]` brings it; without it operator.py takes reference.py.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import IO, Any, NamedTuple

import torch
from torch import Tensor

from rrn.activations.ops.cpu import Layout
from rrn.common.errors import first_line

try:
    from cuda.core import Device, LaunchConfig, ObjectCode, Program, ProgramOptions, launch
    from cuda.core.utils import FileStreamProgramCache
except ImportError:
    launch = None

SMALL_TYPES = (torch.bfloat16, torch.float16)  # read and written as they are; the arithmetic is float32
ELEMENTS = {
    torch.float32: "float",
    torch.float64: "double",
    torch.bfloat16: "rrn::BFloat16",
    torch.float16: "rrn::Float16",
}
THREADS = 256  # of a block, as in rational.cu
# Blocks for each processor of the GPU, at most. It holds 2 to 8 at once, by their registers; with multiples of these
# the last of them are not left to a few processors. Fewer in backward, where each has sums to hand over.
FORWARD_BLOCKS = 24
BACKWARD_BLOCKS = 12
LONG_RUN = 64  # elements of one group from which a block belongs to a group
ROWS_PER_SUM = 8  # rows that a thread sums up at least, where each thread has a column


class Variant(NamedTuple):
    """What a compiled program is for: the macros of rational.cu, and the architecture, such as sm_90."""

    element: str
    version: str
    n: int
    k: int
    width: int
    layout: str
    arch: str


class Cut(NamedTuple):
    """How a tensor [outer, groups, inner] is shared out to the blocks of a GPU; see the layouts of rational.cu."""

    layout: str
    width: int
    chunks: int
    columns: int  # of the tensor, where each thread has one
    blocks: int
    repeats: int  # a row of partial sums is [repeats, groups, run]
    run: int


def cut(outer: int, groups: int, inner: int, width: int, most: int, least_rows: int = 1) -> Cut:
    """Share a tensor out to about `most` blocks; `width` is the number of elements that a thread may read at once."""
    if groups > 1 and inner % width:
        width = 1
    if groups == 1 or (inner >= LONG_RUN and outer * inner >= THREADS):
        chunks = max(1, min(-(-outer * inner // (THREADS * width)), most // groups))
        return Cut("FLAT" if groups == 1 else "ROWS", width, chunks, groups, groups * chunks, 1, 1)
    repeats = max(1, THREADS * width // (groups * inner))
    columns = repeats * groups * inner
    tiles = -(-columns // (THREADS * width))
    chunks = max(1, min(-(-outer // repeats) // least_rows, most // tiles))
    return Cut("COLUMNS", width, chunks, columns, tiles * chunks, repeats, inner // width)


def forward(x: Tensor, numerator: Tensor, denominator: Tensor, version: str, layout: Layout) -> Tensor:
    """R(x), with x dense in memory as `layout` (outer, groups, inner) says, of any float type, and with coefficients
    in the type of the arithmetic."""
    y = torch.empty_like(x)
    part = cut(*layout, _width(x, y), FORWARD_BLOCKS * _processors(x.device))
    pointers = [t.data_ptr() for t in (x, numerator, denominator, y)]
    _run(
        "forward",
        part.blocks,
        x,
        _variant(x, numerator, denominator, version, part),
        *pointers,
        *layout,
        part.chunks,
        part.columns,
    )
    return y


def backward(
    grad: Tensor, x: Tensor, numerator: Tensor, denominator: Tensor, version: str, layout: Layout
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients for x, numerator and denominator; grad has the strides and the type of x."""
    grads = torch.empty_like(x), torch.empty_like(numerator), torch.empty_like(denominator)
    width, most = _width(x, grad, grads[0]), BACKWARD_BLOCKS * _processors(x.device)
    part = cut(*layout, width, most, ROWS_PER_SUM)
    size, groups = numerator.shape[1] + denominator.shape[1], layout[1]
    partial = numerator.new_empty(part.chunks * size * part.repeats * groups * part.run)
    variant = _variant(x, numerator, denominator, version, part)
    pointers = [t.data_ptr() for t in (x, numerator, denominator, grad, grads[0], partial)]
    _run("backward", part.blocks, x, variant, *pointers, *layout, part.chunks, part.columns)
    pointers = [t.data_ptr() for t in (partial, denominator, *grads[1:])]
    _run("finish", groups * size, x, variant, *pointers, part.chunks, groups, part.repeats, part.run)
    return grads


def _width(*tensors: Tensor) -> int:
    """Elements that a thread may read at once: 16 bytes of them, where all tensors start at such an address."""
    aligned = all(t.data_ptr() % 16 == 0 for t in tensors)
    return 16 // tensors[0].element_size() if aligned else 1


def _variant(x: Tensor, numerator: Tensor, denominator: Tensor, version: str, part: Cut) -> Variant:
    version = "B" if version == "D" else version  # D's noise is in the coefficients
    degrees = numerator.shape[1] - 1, denominator.shape[1]
    return Variant(ELEMENTS[x.dtype], version, *degrees, part.width, part.layout, _architecture(x.device))


@cache
def _architecture(device: torch.device) -> str:
    return "sm_{}{}".format(*torch.cuda.get_device_capability(device))


@cache
def _processors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count


class _Stream:
    """torch's current stream, in the form that cuda.core takes."""

    def __init__(self, device: torch.device):
        self.pointer = torch.cuda.current_stream(device).cuda_stream

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.pointer


_thread = threading.local()


def _run(name: str, blocks: int, x: Tensor, variant: Variant, *arguments: int) -> None:
    """Launch a kernel on the device of x, on torch's current stream there."""
    with torch.cuda.device(x.device):
        if getattr(_thread, "device", None) != x.device:  # a thread that has not used this GPU has no context
            Device(x.device.index).set_current()
            _thread.device = x.device
        launch(_Stream(x.device), LaunchConfig(grid=blocks, block=THREADS), _kernel(variant, name), *arguments)


@cache
def _kernel(variant: Variant, name: str) -> Any:
    return _program(variant).get_kernel(name)


@cache
def _program(variant: Variant) -> ObjectCode:
    try:
        with FileStreamProgramCache() as kept:
            return compile_variant(variant, cache=kept)
    except OSError:  # nowhere to keep it
        return compile_variant(variant)


def compile_variant(variant: Variant, logs: IO[str] | None = None, **options: Any) -> ObjectCode:
    """The program of a variant, compiled without a GPU; the compiler writes what it used of it to `logs`."""
    macros = zip(("ELEMENT", "VERSION", "N", "K", "WIDTH", "LAYOUT"), map(str, variant[:-1]), strict=True)
    settings = ProgramOptions(
        std="c++17",
        arch=variant.arch,
        prec_div=False,  # Q stays below 2^90, where a division is right to 2 units in the last place
        define_macro=[(f"RRN_{name}", value) for name, value in macros],
        ptxas_options=["-v"] if logs else None,
    )
    return Program(source(), "c++", settings).compile("cubin", logs=logs, **options)


@cache
def source() -> str:
    """rational.cu with rational.h in it."""
    package = Path(__file__).parents[2]
    folder = next(f for f in (package / "csrc", package.parent / "csrc") if (f / "rational.cu").is_file())
    formula = (folder / "rational.h").read_text(encoding="utf-8").replace("#pragma once", "")
    return (folder / "rational.cu").read_text(encoding="utf-8").replace('#include "rational.h"', formula)


@cache
def problem() -> str | None:
    """Why there are no kernels for the GPU here, as one sentence, or None if they run."""
    if not torch.version.cuda:
        return "the GPU is not one of NVIDIA, for which alone rrn has kernels"
    if launch is None:
        return "cuda.core is not installed: run `pip install .[cuda]` in the checkout of rrn"
    try:
        return trial(torch.device("cuda"))
    except Exception as error:  # of the driver or the compiler: each has its own
        return f"the kernel could not be compiled or started ({type(error).__name__}: {first_line(error)})"


def trial(device: torch.device) -> str | None:
    """R = 1 at x = 1 by all three kernels: what is wrong with the result, or None.

    While a CUDA graph is captured, nothing can be looked at.
    """
    x = torch.ones(1, device=device)
    a, b = x.new_zeros(1, 6), x.new_zeros(1, 4)
    a[0, 0] = 1
    y = forward(x, a, b, "A", (1, 1, 1))
    grads = backward(x, x, a, b, "A", (1, 1, 1))
    if device.type == "cuda" and torch.cuda.is_current_stream_capturing():
        return None
    found = torch.cat([t.flatten() for t in (y, *grads)]).tolist()
    expected = [1.0, 0.0, *6 * [1.0], *4 * [-1.0]]
    right = all(abs(f - e) < 1e-5 for f, e in zip(found, expected, strict=True))
    return None if right else f"the kernel computes {found} where {expected} is right"


def path() -> str:
    """What computes rationals on a GPU, and why, as one sentence."""
    reason = problem()
    if reason:
        return f"plain torch, which is several times slower: {reason}"
    return f"compiled kernel for {_architecture(torch.device('cuda', 0))}, by cuda.core at run time"
