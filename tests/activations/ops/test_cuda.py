"""The CUDA kernels without a GPU: they compile for every architecture, and compute the right thing thread by thread."""

from __future__ import annotations

import ctypes
import io
import re
import shutil
import subprocess

import pytest
import torch
from helpers.paths import DATA
from helpers.tensors import coefficients

from rrn.activations.ops import cuda, kernels, operator, reference

compiler = pytest.mark.skipif(cuda.launch is None, reason="cuda.core is not installed: pip install .[cuda]")
emulator = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")
BLOCKS = 7  # of the emulated GPU at most, so that each thread has elements to go on to
WIDTHS = {"float": 4, "double": 2, "rrn::BFloat16": 8, "rrn::Float16": 8}


@pytest.mark.slow
@compiler
@pytest.mark.parametrize("element", WIDTHS)
@pytest.mark.parametrize("version", "ABCN")
def test_no_variant_spills_registers(element, version):
    """At the largest degrees of full speed, which need most registers; architectures and layouts in turn."""
    turn, kind = "ABCN".index(version), list(WIDTHS).index(element)
    arch = ("sm_75", "sm_80", "sm_90", "sm_120")[(turn + kind) % 4]  # each with each version and each element
    layout = ("FLAT", "ROWS", "COLUMNS")[(turn + 2 * kind) % 3]
    logs = io.StringIO()
    k = 9 if version == "C" else 8
    cuda.compile_variant(cuda.Variant(element, version, 8, k, WIDTHS[element], layout, arch), logs)
    stacks = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", logs.getvalue())
    assert stacks == [("0", "0", "0")] * 3  # forward, backward, finish


@pytest.mark.slow
@compiler
@pytest.mark.parametrize(
    ("layout", "degrees", "width"),
    [("FLAT", (1, 1), 1), ("ROWS", (12, 12), 1), ("COLUMNS", (5, 4), 1), ("ROWS", (5, 4), 4), ("FLAT", (12, 12), 4)],
)
def test_every_layout_width_and_degree_compiles(layout, degrees, width):
    program = cuda.compile_variant(cuda.Variant("float", "A", *degrees, width, layout, "sm_90"))
    assert program.code_type == "cubin"


@pytest.mark.slow
@compiler
def test_a_program_is_kept_on_disk(tmp_path):
    from cuda.core.utils import FileStreamProgramCache

    with FileStreamProgramCache(tmp_path) as kept:
        first, second = (
            cuda.compile_variant(cuda.Variant("float", "A", 1, 1, 1, "FLAT", "sm_90"), cache=kept) for _ in range(2)
        )
    assert len([f for f in tmp_path.rglob("*") if f.is_file() and f.read_bytes() == bytes(first.code)]) == 1
    assert bytes(first.code) == bytes(second.code)


def test_a_cut_is_never_empty_and_keeps_to_the_size_of_the_gpu():
    for shape in ((1, 1, 1), (1, 1, 2**33), (32, 64, 400), (1, 10**6, 3), (10**6, 8, 96), (10**7, 3, 1)):
        part = cuda.cut(*shape, width=4, most=12 * 132, least_rows=8)
        assert part.chunks >= 1
        assert part.blocks >= part.chunks
        assert part.blocks < 2**31
        assert part.blocks <= 12 * 132 + max(shape[1], shape[1] * shape[2] // 256)


@pytest.fixture(scope="session")
def libraries(tmp_path_factory):
    """Compiled with a C++ compiler, each variant once."""
    folder, found = tmp_path_factory.mktemp("emulation"), {}
    source = folder / "rational.cu.h"
    source.write_text(cuda.source())

    def library(variant: cuda.Variant) -> ctypes.CDLL:
        if variant not in found:
            path = folder / f"{len(found)}.so"
            macros = zip(("ELEMENT", "VERSION", "N", "K", "WIDTH", "LAYOUT"), variant, strict=False)
            command = ["g++", "-std=c++20", "-O1", "-shared", "-fPIC", "-pthread", f'-DRRN_SOURCE="{source}"']
            command += [f"-DRRN_{name}={value}" for name, value in macros]
            header = str(DATA / "cuda_on_cpu.h")
            subprocess.run([*command, "-x", "c++", header, "-o", str(path)], check=True)
            found[variant] = ctypes.CDLL(str(path))
        return found[variant]

    return library


@pytest.fixture
def emulated(libraries, monkeypatch):
    """Tensors on the CPU take the way of those on a GPU."""

    def run(name, blocks, x, variant, *arguments):
        getattr(libraries(variant), f"run_{name}")(*(ctypes.c_longlong(a) for a in (blocks, *arguments)))

    monkeypatch.setattr(cuda, "_run", run)
    monkeypatch.setattr(cuda, "_processors", lambda device: BLOCKS)
    monkeypatch.setattr(cuda, "FORWARD_BLOCKS", 1)
    monkeypatch.setattr(cuda, "BACKWARD_BLOCKS", 1)
    monkeypatch.setattr(cuda, "_architecture", lambda device: "cpu")
    monkeypatch.setattr(kernels, "_kernels", lambda x: cuda)


@pytest.mark.slow
@emulator
@pytest.mark.usefixtures("emulated")
@pytest.mark.parametrize(
    ("version", "dtype", "shape", "axis", "groups", "layout"),
    [
        ("A", torch.float32, (10_007,), 0, 1, "FLAT"),
        ("B", torch.float64, (3,), 0, 1, "FLAT"),
        ("C", torch.bfloat16, (3001,), 0, 1, "FLAT"),
        ("A", torch.float32, (7, 3, 20, 20), 1, 3, "ROWS"),
        ("C", torch.bfloat16, (40, 3, 96), 1, 3, "ROWS"),
        ("N", torch.float64, (3, 700), 0, 3, "ROWS"),
        ("N", torch.float64, (5, 3, 333), 1, 3, "ROWS"),
        ("B", torch.float32, (500, 6), 1, 6, "COLUMNS"),
        ("B", torch.float32, (5000, 6), 1, 6, "COLUMNS"),
        ("A", torch.float64, (2, 1000), 1, 10, "COLUMNS"),
        ("C", torch.float32, (90, 5, 8), 2, 2, "COLUMNS"),
    ],
)
def test_thread_by_thread_it_is_the_reference(version, dtype, shape, axis, groups, layout):
    x = (torch.randn(shape, dtype=torch.float64) * 2).to(dtype)
    a, b = coefficients(version, 5, 4, groups, dtype if dtype is torch.float64 else torch.float32)
    grad = torch.randn(shape, dtype=torch.float64).to(dtype)
    outer = x.shape[:axis].numel() if groups > 1 else 1
    inner = x.numel() // outer // groups
    assert cuda.cut(outer, groups, inner, 16 // x.element_size(), BLOCKS).layout == layout
    wide = [t.double() for t in (x, a, b)]
    truth = reference.rational(*wide, version, axis), *reference.gradients(grad.double(), *wide, version, axis)
    ours = operator.rational(x, a, b, version, axis), *kernels.backward(grad, x, a, b, version, axis)
    again = kernels.backward(grad, x, a, b, version, axis)
    rtol = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 1e-2}[dtype]
    for found, true in zip(ours, truth, strict=True):
        assert torch.allclose(found.double(), true, rtol=rtol, atol=rtol * float(true.abs().amax()))
    assert all(torch.equal(s, t) for s, t in zip(ours[1:], again, strict=True))
    assert ours[0].dtype == ours[1].dtype == dtype


@pytest.mark.slow
@emulator
@pytest.mark.usefixtures("emulated")
@pytest.mark.parametrize(("version", "dtype", "rtol"), [("A", torch.float32, 1e-4), ("C", torch.bfloat16, 1e-2)])
def test_far_elements_are_those_of_float64(version, dtype, rtol):
    x = torch.randn(5003)
    x[:8] = torch.tensor([1e30, -1e9, -1e32, 1e-38, 0.0, -0.0, 1.0, -3e18])
    x[4000], x[-1] = 1e12, -1e15  # among near ones, and at the end, where vectors are not full
    x, grad = x.to(dtype), torch.randn(5003).to(dtype)
    a, b = coefficients(version, 5, 4, 1, torch.float32)
    wide = [t.double() for t in (x, a, b)]
    truth = reference.rational(*wide, version), *reference.gradients(grad.double(), *wide, version, 1)
    ours = operator.rational(x, a, b, version), *kernels.backward(grad, x, a, b, version, 1)
    assert all(torch.allclose(s.double(), t, rtol=rtol, atol=rtol) for s, t in zip(ours, truth, strict=True))


@pytest.mark.slow
@emulator
@pytest.mark.usefixtures("emulated")
def test_a_kernel_that_computes_something_else_is_not_used(monkeypatch):
    assert cuda.trial(torch.device("cpu")) is None
    monkeypatch.setattr(cuda, "forward", lambda x, *_: torch.zeros_like(x))
    assert cuda.trial(torch.device("cpu")).startswith("the kernel computes [0.0, 0.0, 1.0")


@pytest.mark.slow
@emulator
@pytest.mark.usefixtures("emulated")
def test_an_address_between_vectors_is_read_one_by_one():
    x = torch.randn(1001)[1:]
    a, b = coefficients("A", 5, 4, 1, torch.float32)
    assert torch.allclose(operator.rational(x, a, b), reference.rational(x, a, b), atol=1e-5)


@pytest.mark.slow
@emulator
@pytest.mark.usefixtures("emulated")
def test_values_of_no_number_stay_where_they_are():
    x = torch.randn(1000)
    x[3], x[400], x[5] = float("nan"), float("inf"), -float("inf")
    a, b = coefficients("A", 5, 4, 1, torch.float32)
    y = operator.rational(x, a, b)
    assert y.isnan().nonzero().flatten().tolist() == [3]
