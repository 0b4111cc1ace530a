"""The operator within torch: opcheck, torch.compile, tracing, autocast, torch.func, forward mode."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from helpers.tensors import coefficients, strided
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx

import rrn
from rrn.activations.inspection.histogram import Histogram
from rrn.activations.ops import cpu, operator
from rrn.activations.ops.reference import VERSIONS

CASES = [
    *((version, "contiguous", groups) for version in VERSIONS for groups in (1, 4)),
    ("A", "channels_last", 4),
    ("B", "transposed", 1),
    ("C", "every second", 4),
    ("D", "channels_last", 1),
    ("N", "transposed", 4),
]


@pytest.mark.parametrize(("version", "layout", "groups"), CASES)
def test_operator_keeps_the_contract_of_torch(version, layout, groups):
    a, b = coefficients(version, 3, 2, groups, torch.float32, 0)
    x = strided(torch.randn(2, 4, 3, 5), layout)
    inputs = [t.detach().requires_grad_() for t in (x, a, b)]
    torch.library.opcheck(torch.ops.rrn.rational.default, (*inputs, version, 1))
    grad = torch.randn_like(x)
    torch.library.opcheck(torch.ops.rrn.rational_backward.default, (grad, x, a, b, version, 1))
    transposed = (c.t().contiguous().t() for c in (a, b))
    torch.library.opcheck(torch.ops.rrn.rational_backward.default, (grad, x, *transposed, version, 1))


@pytest.mark.slow
def test_inductor_gives_the_same_bits():
    module = rrn.Rational()
    compiled = torch.compile(module, fullgraph=True)
    x = torch.randn(1000, requires_grad=True)
    expected = torch.autograd.grad(module(x).sum(), (x, *module.parameters()))
    found = torch.autograd.grad(compiled(x).sum(), (x, *module.parameters()))
    assert all(torch.equal(s, t) for s, t in zip(expected, found, strict=True))


def test_autocast_keeps_the_small_type_outside_and_float32_inside():
    module = rrn.Rational()
    with torch.autocast("cpu", torch.bfloat16):
        hidden = torch.nn.Linear(4, 8)(torch.randn(3, 4))
        y = module(hidden)
    assert hidden.dtype == y.dtype == torch.bfloat16
    y.float().sum().backward()
    assert module.numerator.grad.dtype == torch.float32


@pytest.mark.slow
def test_more_of_torch_func_and_torch_fx():
    """Forward mode, the Jacobian by torch.vmap of autograd.grad, a transform within torch.compile, a traced graph."""
    module, x = rrn.Rational("tanh"), torch.randn(6, requires_grad=True)
    slopes = torch.autograd.grad(module(x).sum(), x)[0]
    y = module(x)
    ways = {
        "jvp": torch.func.jvp(module, (x,), (torch.ones(6),))[1],
        "jacfwd": torch.func.jacfwd(module)(x).diag(),
        "vmap": torch.vmap(lambda v: torch.autograd.grad(y, x, v, retain_graph=True)[0])(torch.eye(6)).diag(),
        "compile": torch.compile(torch.func.vmap(torch.func.grad(module)), backend="aot_eager")(x),
    }
    for name, found in ways.items():
        assert torch.allclose(found, slopes, atol=1e-6), name
    bend = torch.autograd.functional.hessian(lambda z: module(z).sum(), x)
    assert torch.allclose(torch.func.hessian(lambda z: module(z).sum())(x), bend, atol=1e-5)
    model = torch.nn.Sequential(module, rrn.AffineRational())
    assert torch.equal(torch.fx.symbolic_trace(model)(x), model(x))


@pytest.mark.skipif(not cpu.KERNELS, reason="the kernels were not built")
def test_a_tensor_without_memory_is_refused():
    x = torch.randn(8)
    x.untyped_storage().resize_(0)
    with pytest.raises(ValueError, match="memory of their own"):
        rrn.Rational()(x)
    with pytest.raises(ValueError, match="memory of their own"):
        Histogram(4, (0, 1)).add(x)


def test_a_tensor_that_has_outlived_torch_func():
    kept = []
    torch.func.grad(lambda x: kept.append(x) or (x * x).sum())(x := torch.randn(6))
    module = rrn.Rational()
    with torch.no_grad():
        assert torch.equal(module(kept[0]), module(x))
    assert torch.equal(*(torch.autograd.grad(module(z).sum(), module.numerator)[0] for z in (kept[0], x)))


def test_gradients_through_torch_func():
    module = rrn.Rational("tanh")
    x = torch.randn(6)
    slope = torch.func.vmap(torch.func.grad(module))(x)
    bend = torch.func.vmap(torch.func.grad(torch.func.grad(module)))(x)
    assert torch.allclose(slope, 1 - torch.tanh(x) ** 2, atol=1e-2)
    assert torch.allclose(bend, -2 * torch.tanh(x) * (1 - torch.tanh(x) ** 2), atol=5e-2)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("batched", ["x", "coefficients", "both"])
def test_vmap_is_a_loop(groups, batched):
    a, b = coefficients("A", 5, 4, 3 * groups, torch.float32, 0)
    a, b = a.view(3, groups, -1), b.view(3, groups, -1)
    x = torch.randn(3, 5, 4 * groups, 2)
    dims = {"x": (0, None, None), "coefficients": (None, 0, 0), "both": (0, 0, 0)}[batched]
    inputs = [t if dim == 0 else t[0] for t, dim in zip((x, a, b), dims, strict=True)]

    def function(x, a, b):
        return operator.rational(x, a, b, "A", 1)

    y = torch.func.vmap(function, dims)(*inputs)
    for i in range(3):
        single = [t[i] if dim == 0 else t for t, dim in zip(inputs, dims, strict=True)]
        assert torch.allclose(y[i], function(*single), atol=1e-6)


def test_traced_graphs_compute_what_the_module_does():
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), rrn.Rational(groups=4))
    x = torch.randn(3, 4)
    with torch.no_grad():
        traced = torch.jit.trace(net, torch.zeros(3, 4))
        graph = make_fx(lambda x: net(x))(torch.zeros(3, 4))
        assert torch.allclose(traced(x), net(x))
        assert torch.allclose(graph(x), net(x))


TRACED = """
import torch
import rrn.activations.rational
torch.save(torch.jit.load("net.pt")(torch.load("x.pt")), "y.pt")
"""


@pytest.mark.slow
def test_a_traced_model_is_loaded_where_the_module_of_rationals_is_imported(tmp_path):
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), rrn.Rational(groups=4))
    x = torch.randn(3, 4)
    with torch.no_grad():
        torch.jit.trace(net, torch.zeros(3, 4)).save(tmp_path / "net.pt")
        torch.save(x, tmp_path / "x.pt")
        subprocess.run([sys.executable, "-c", TRACED], cwd=tmp_path, check=True)
        assert torch.allclose(torch.load(tmp_path / "y.pt"), net(x))


LOAD = """
import sys, torch
x = torch.load("x.pt")
torch.save([torch.export.load(f"{version}.pt2").module()(x) for version in "AC"], "y.pt")
assert "rrn" not in sys.modules
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(torch.compiler, "is_exporting"), reason="this torch does not say that it exports")
def test_an_exported_model_runs_without_rrn(tmp_path):
    x, expected = torch.randn(5, 4), []
    for version, degrees in (("A", (5, 4)), ("C", (7, 6))):
        act = rrn.RecurrentRational("silu", version=version, degrees=degrees)
        linear, last = torch.nn.Linear(4, 4), rrn.Rational(groups=4)
        net = torch.nn.Sequential(linear, act, torch.nn.Linear(4, 4), act.again(), last).eval()
        program = torch.export.export(net, (torch.randn(3, 4),), dynamic_shapes=({0: torch.export.Dim("batch")},))
        torch.export.save(program, tmp_path / f"{version}.pt2")
        nodes = program.run_decompositions().graph.nodes
        assert all(node.target.name().startswith("aten::") for node in nodes if node.op == "call_function")
        expected.append(net(x))
    torch.save(x, tmp_path / "x.pt")
    subprocess.run([sys.executable, "-c", LOAD], cwd=tmp_path, check=True)
    for found, wanted in zip(torch.load(tmp_path / "y.pt"), expected, strict=True):
        assert torch.allclose(found, wanted, atol=1e-6)


def test_views_with_the_negative_bit():
    module = rrn.Rational()
    x = torch.tensor([1 + 2j, 3 - 1j]).conj().imag
    assert x.is_neg()
    assert torch.allclose(module(x), module(torch.tensor([-2.0, 1.0])))


def test_the_operator_gives_its_gradients_batched_by_vmap():
    """A view with the negative bit goes through the operator; its gradient was an internal error of torch."""
    x = torch.tensor([1 + 2j, 3 - 1j]).conj().imag.detach().requires_grad_()
    y = rrn.Rational()(x)
    slope = torch.autograd.grad(y.sum(), x, retain_graph=True)[0]
    jacobian = torch.vmap(lambda v: torch.autograd.grad(y, x, v, retain_graph=True)[0])(torch.eye(2))
    assert torch.allclose(jacobian, slope.diag(), atol=1e-6)


def test_forward_mode_derivative():
    module = rrn.Rational("tanh")
    x = torch.linspace(-2, 2, 9)
    with forward_ad.dual_level():
        slope = forward_ad.unpack_dual(module(forward_ad.make_dual(x, torch.ones(9)))).tangent
    assert torch.allclose(slope, 1 - torch.tanh(x) ** 2, atol=1e-2)


def test_batched_gradients():
    module = rrn.Rational()
    x = torch.randn(5)
    jacobian = torch.autograd.functional.jacobian(module, x, vectorize=True)
    assert torch.allclose(jacobian, torch.diag(torch.func.vmap(torch.func.grad(module))(x)), atol=1e-6)


@pytest.mark.slow
def test_compiled_autograd_gives_the_gradients_of_each_version_and_form():
    """Its cache takes equal shapes for equal backward passes, so it must distinguish the forms."""
    x = torch.randn(4, 4)
    forms = [{"version": "A"}, {"version": "B"}, {"version": "N"}, {"groups": 2}, {"groups": 2, "axis": 0}]
    modules = [rrn.Rational("gelu", **form) for form in forms]

    def gradients(module):
        z = x.clone().requires_grad_()
        module(z).square().sum().backward()
        found = [z.grad, *(p.grad for p in module.parameters())]
        module.zero_grad()
        return found

    expected = [gradients(module) for module in modules]
    compiler = torch.compile(backend="aot_eager", fullgraph=True)
    with torch._dynamo.compiled_autograd._enable(compiler):
        for module, right in zip(modules, expected, strict=True):
            assert all(torch.allclose(s, t) for s, t in zip(gradients(module), right, strict=True))


@pytest.mark.slow
def test_a_compiled_step_with_its_backward_pass():
    module, x = rrn.Rational("gelu"), torch.randn(6)

    @torch.compile(backend="aot_eager")
    def step():
        module(x).sum().backward()

    with torch._dynamo.config.patch(compiled_autograd=True):
        step()
    assert torch.allclose(module.numerator.grad, torch.autograd.grad(module(x).sum(), module.numerator)[0])


def test_the_old_onnx_exporter_gets_plain_operations(monkeypatch):
    for is_exporting in (False, True):
        monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda answer=is_exporting: answer)
        traced = torch.jit.trace(rrn.Rational(), torch.ones(2, 3))
        assert ("rrn::" in str(traced.inlined_graph)) != is_exporting


def test_a_trace_within_plain_operations_runs_without_rrn():
    module, x = rrn.Rational("gelu"), torch.randn(2, 3)
    with operator.plain_operations():
        plain = torch.jit.trace(module, torch.ones(2, 3))
    assert "rrn::" not in str(plain.inlined_graph)
    assert torch.allclose(plain(x), module(x), atol=1e-6)
    assert "rrn::" in str(torch.jit.trace(module, torch.ones(2, 3)).inlined_graph)
