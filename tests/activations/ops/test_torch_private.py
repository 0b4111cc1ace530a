"""A torch without one of the private names of torch_private.py: each way to call a rational gives the same values."""

from __future__ import annotations

import importlib

import pytest
import torch
from torch import func
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx

import rrn
from rrn.activations.inspection import recording
from rrn.activations.ops import operator, torch_private

NAMES = [
    (torch._C, "_are_functorch_transforms_active"),
    (torch._C, "_get_tracing_state"),
    (torch._C, "_len_torch_dispatch_stack"),
    (forward_ad, "_current_level"),
    (torch.autograd.function, "_SingleLevelFunction"),
]
A, B = rrn.Rational("tanh", version="B").parameters()


def loaded_without(owner, name: str, how: str) -> None:
    """Load torch_private.py and operator.py while a name is gone or takes an argument; torch has it again then."""
    with pytest.MonkeyPatch.context() as patch:
        if how == "gone":
            patch.delattr(owner, name)
        elif how == "changed":
            patch.setattr(owner, name, lambda argument: None)
        importlib.reload(torch_private)
    importlib.reload(operator)
    torch.compiler.reset()  # what is compiled is of the module before


@pytest.fixture
def without(monkeypatch):
    yield loaded_without
    loaded_without(torch, "", "unchanged")


def rational(x: torch.Tensor) -> torch.Tensor:
    return operator.rational(x, A, B, "B")


def total(x: torch.Tensor) -> torch.Tensor:
    return rational(x).sum()


def values() -> dict[str, torch.Tensor]:
    """What each way to call a rational gives."""
    x, direction = torch.linspace(-2, 2, 6), torch.linspace(1, -1, 6)
    leaf = x.clone().requires_grad_()
    y = rational(leaf)
    found = {"forward": y}
    found["backward"], found["coefficients"] = torch.autograd.grad(y.sum(), (leaf, A), retain_graph=True)
    found["batched"] = torch.autograd.grad(y, leaf, torch.eye(6), is_grads_batched=True, retain_graph=True)[0]
    found["vmap of autograd"] = torch.vmap(lambda v: torch.autograd.grad(y, leaf, v, retain_graph=True)[0])(
        torch.eye(6)
    )
    found["twice"] = torch.autograd.functional.hessian(total, leaf)
    found["vmap"] = func.vmap(rational)(x)
    found["grad"] = func.grad(total)(x)
    found["vmap of grad"] = func.vmap(func.grad(rational))(x)
    with torch.no_grad():
        found["grad, no_grad"] = func.grad(total)(x)
    found["jvp"] = func.jvp(rational, (x,), (direction,))[1]
    found["jacfwd"] = func.jacfwd(rational)(x)
    found["hessian"] = func.hessian(total)(x)
    with forward_ad.dual_level():
        found["dual"] = forward_ad.unpack_dual(rational(forward_ad.make_dual(x, direction))).tangent
        found["vmap, dual"] = forward_ad.unpack_dual(func.vmap(rational)(forward_ad.make_dual(x, direction))).tangent
        found["forward, dual"] = rational(x)
    kept = []
    func.grad(lambda t: kept.append(t) or (t * t).sum())(x)
    found["outlived"] = rational(kept[0])
    a, b = A.detach(), B.detach()
    found["jit"] = torch.jit.trace(lambda x: operator.rational(x, a, b, "B"), (direction,))(x)
    found["make_fx"] = make_fx(rational)(direction)(x)
    found["make_fx of grad"] = make_fx(func.vmap(func.grad(rational)))(direction)(x)
    found["compiled"] = torch.compile(rational, backend="aot_eager", fullgraph=True)(x)
    found["compiled grad"] = torch.compile(func.vmap(func.grad(rational)), backend="aot_eager")(x)
    return {name: value.detach() for name, value in found.items()}


@pytest.fixture(scope="module")
def expected() -> dict[str, torch.Tensor]:
    """What they give where torch has all names, compared with each other."""
    found = values()
    y, slope, bend = (found[name] for name in ("forward", "backward", "twice"))
    direction = torch.linspace(1, -1, 6)
    right = {
        **dict.fromkeys(("vmap", "forward, dual", "outlived", "jit", "make_fx", "compiled"), y),
        **dict.fromkeys(("grad", "vmap of grad", "grad, no_grad", "make_fx of grad", "compiled grad"), slope),
        **dict.fromkeys(("batched", "vmap of autograd", "jacfwd"), slope.diag()),
        **dict.fromkeys(("jvp", "dual", "vmap, dual"), slope * direction),
        "hessian": bend,
    }
    for name, value in right.items():
        assert torch.allclose(found[name], value, atol=1e-5), name
    return found


@pytest.mark.slow
@pytest.mark.parametrize("how", ["gone", "changed"])
@pytest.mark.parametrize(("owner", "name"), NAMES, ids=[name for _, name in NAMES])
def test_without_a_private_name_all_ways_give_the_same_values(owner, name, how, expected, without):
    if how == "changed" and owner is not torch._C:
        pytest.skip("it takes no arguments")
    without(owner, name, how)
    for way, value in values().items():
        assert torch.allclose(value, expected[way], atol=1e-6), way


@pytest.mark.parametrize("how", ["gone", "changed"])
def test_inputs_are_recorded_without_a_private_name(how, without, monkeypatch):
    without(*NAMES[0], how)
    monkeypatch.setattr(recording, "functorch_active", torch_private.functorch_active)
    module, x = rrn.Rational(), torch.randn(6)
    with rrn.record_inputs(module) as inputs:
        module(x)
        func.vmap(func.grad(module))(x)
    assert inputs[""].total == 6


def test_a_compiler_that_fails_is_known_by_name():
    def compiler(graph, inputs):
        raise ValueError("no compiler here")

    with pytest.raises(RuntimeError) as raised:
        torch.compile(lambda x: x + 1, backend=compiler)(torch.ones(2))
    assert torch_private.is_compile_error(raised.value)
    assert not torch_private.is_compile_error(RuntimeError())
