"""Inputs of every kind: nested tensors and DTensors are computed, what cannot be is refused with a sentence."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

import rrn

ACTIVATIONS = {
    "rational": rrn.Rational("gelu"),
    "linear tails": rrn.Rational("gelu", tail="linear"),
    "affine": rrn.AffineRational("gelu"),
}
every_activation = pytest.mark.parametrize("act", ACTIVATIONS.values(), ids=ACTIVATIONS.keys())


@every_activation
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_a_nested_tensor_is_computed_part_by_part(act, layout):
    parts = [4 * torch.randn(3, 4), 4 * torch.randn(2, 4)]
    expected = [act(part) for part in parts]
    slopes = torch.autograd.grad(sum(y.sum() for y in expected), act.numerator)[0]
    x = torch.nested.nested_tensor(parts, layout=layout, requires_grad=True)
    y = act(x)
    assert y.layout is layout
    assert all(torch.allclose(s, t, atol=1e-6) for s, t in zip(y.unbind(), expected, strict=True))
    grads = torch.autograd.grad(sum(part.sum() for part in y.unbind()), (act.numerator, x))
    assert torch.allclose(grads[0], slopes, rtol=1e-4)
    assert grads[1].is_nested
    if layout is torch.jagged:
        assert (x + y).is_nested  # the ragged axis is the same


def test_groups_of_a_nested_tensor_are_along_an_axis_of_fixed_size():
    parts = [torch.randn(3, 4), torch.randn(2, 4)]
    act = rrn.Rational("gelu", groups=2, axis=-1)
    with torch.no_grad():
        act.numerator[1] *= 2
    for layout in (torch.strided, torch.jagged):
        y = act(torch.nested.nested_tensor(parts, layout=layout)).unbind()
        assert all(torch.allclose(s, act(t)) for s, t in zip(y, parts, strict=True))
    act.axis = 1
    with pytest.raises(ValueError, match="groups along an axis of fixed size; in a nested tensor, axis 1 has none"):
        act(torch.nested.nested_tensor(parts, layout=torch.jagged))


def test_a_transposed_nested_tensor_and_one_with_gaps():
    act = rrn.Rational("tanh")
    parts = [torch.randn(3, 2, 4), torch.randn(5, 2, 4)]
    transposed = torch.nested.nested_tensor(parts, layout=torch.jagged).transpose(1, 2)
    lengths = torch.tensor([3, 5])
    gaps = torch.nested.narrow(torch.randn(2, 6, 3), 1, torch.tensor([0, 1]), lengths, layout=torch.jagged)
    for x in (transposed, gaps):
        y = act(x)
        assert y.shape == x.shape
        assert all(torch.allclose(s, act(t)) for s, t in zip(y.unbind(), x.unbind(), strict=True))


@every_activation
@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        *(
            (torch.ones(4, dtype=torch.uint8).view(dtype), f"float16, got {dtype}; convert it, as in x.float()")
            for dtype in (torch.float8_e4m3fn, torch.float8_e5m2, torch.bool, torch.uint8)
        ),
        (torch.ones(4, dtype=torch.int64), "got torch.int64; convert it"),
        (torch.ones(4, dtype=torch.complex64), "got torch.complex64; convert it"),
        (torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.quint8), "got torch.quint8; convert it"),
        (torch.eye(3).to_sparse(), r"got one of torch.sparse_coo; call the activation on x.to_dense\(\)"),
        (torch.eye(3).to_mkldnn(), "got one of torch._mkldnn; call"),
        (torch.masked.as_masked_tensor(torch.ones(2), torch.ones(2) > 0), "got a MaskedTensor; call"),
        (np.ones(3), "expected a tensor, got ndarray"),
        (None, "expected a tensor, got NoneType"),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_what_cannot_be_computed_is_refused_with_a_sentence(act, x, sentence):
    with pytest.raises(ValueError, match=sentence):
        act(x)


def test_coefficients_in_eight_bits_are_refused():
    with pytest.raises(ValueError, match=r"expected a numerator of a float type on cpu.*got torch.float8_e4m3fn"):
        rrn.Rational().to(torch.float8_e4m3fn)(torch.ones(3))


@pytest.mark.parametrize(
    "module", [rrn.Rational(), rrn.RationalChain(), rrn.RecurrentRational().again()], ids=lambda m: type(m).__name__
)
def test_torch_jit_script_is_refused_with_what_to_do(module):
    with pytest.raises(ValueError, match=r"torch.jit.script cannot compile a rational; use torch.jit.trace\("):
        torch.jit.script(nn.Sequential(nn.Linear(2, 2), module))


DISTRIBUTED = """
import sys, torch, torch.distributed as dist, rrn
from torch.distributed.tensor import Replicate, Shard, distribute_module, distribute_tensor, init_device_mesh

rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2)
mesh, x = init_device_mesh("cpu", (2,)), torch.load(sys.argv[3])
for options in ({}, {"groups": 2}, {"tail": "linear"}):
    plain = rrn.Rational("gelu", **options)
    expected = plain(x)
    expected.square().sum().backward()
    for placement in (Shard(0), Shard(1), Replicate()):
        act = distribute_module(rrn.Rational("gelu", **options), mesh)
        y = act(distribute_tensor(x, mesh, [placement]))
        y.square().sum().backward()
        whole = y.full_tensor(), act.numerator.grad.full_tensor(), act.denominator.grad.full_tensor()
        for s, t in zip(whole, (expected, plain.numerator.grad, plain.denominator.grad), strict=True):
            assert torch.allclose(s, t, rtol=1e-4, atol=1e-5), (options, placement, s, t)
        assert options.get("groups") or y.placements == (placement,)
try:
    rrn.Rational()(distribute_tensor(x, mesh, [Shard(0)]))
except ValueError as error:
    assert "distribute_module(module, mesh)" in str(error)
else:
    raise AssertionError("coefficients that are no DTensors were taken")
dist.barrier()  # a process that leaves earlier ends the other one
dist.destroy_process_group()
"""


@pytest.mark.skipif(torch.__version__.startswith("2.6."), reason="DTensors of torch 2.6 have no rule for select")
@pytest.mark.slow
def test_a_distributed_tensor_in_two_processes_has_the_values_and_gradients_of_the_whole(tmp_path):
    torch.save(4 * torch.randn(4, 6), tmp_path / "x.pt")
    command = [sys.executable, "-c", DISTRIBUTED]
    started = [
        subprocess.Popen([*command, str(rank), str(tmp_path / "store"), str(tmp_path / "x.pt")]) for rank in (0, 1)
    ]
    assert [process.wait() for process in started] == [0, 0]
