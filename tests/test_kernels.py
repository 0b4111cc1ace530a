"""The kernels against the reference in plain torch: every CPU module that runs here, on any shape and layout."""

from __future__ import annotations

import importlib
import warnings

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rrn
from rrn.activations import cpu, operator, reference
from rrn.activations.reference import VERSIONS, denominator_size

FIRST = {"NO AVX": 2, "DEFAULT": 2, "AVX2": 1, "AVX512": 0}  # in the list of modules, by what the processor has
NAMES = ("rrn_cpu_avx512", "rrn_cpu_avx2", "rrn_cpu")
USABLE = NAMES[FIRST.get(torch.backends.cpu.get_cpu_capability(), 2) :]
every_version = pytest.mark.parametrize("version", VERSIONS)
pytestmark = pytest.mark.skipif(cpu.KERNELS is None, reason="the kernels were not built: there was no compiler")


@pytest.fixture(params=USABLE)
def module(request, monkeypatch):
    """Each compiled module in turn."""
    try:
        found = importlib.import_module(request.param)
    except ImportError:
        pytest.skip(f"{request.param} was not built")
    monkeypatch.setattr(cpu, "KERNELS", found)


def coefficients(version, n, m, groups, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(groups, n + 1, generator=generator, dtype=dtype)
    b = torch.randn(groups, denominator_size(m, version), generator=generator, dtype=dtype) * 0.3
    return a, b.abs() * (torch.arange(b.shape[1]) % 2) if version == "N" else b  # N without poles


def compare(x, a, b, version, axis, rtol):
    """Value and gradients of the kernel beside those of the reference in float64, relative to the largest."""
    generator = torch.Generator().manual_seed(1)
    grad = torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x.dtype)
    wide = [t.double() for t in (x, a, b)]
    expected = reference.rational(*wide, version, axis), *reference.gradients(grad.double(), *wide, version, axis)
    inputs = [t.detach().requires_grad_() for t in (x, a, b)]
    y = operator.rational(*inputs, version, axis)
    y.backward(grad)
    for ours, truth in zip((y, *(t.grad for t in inputs)), expected, strict=True):
        assert ours.shape == truth.shape
        scale = truth.abs().amax() if truth.numel() else 0
        assert torch.allclose(ours.double(), truth, rtol=rtol, atol=rtol * float(scale))
    assert y.dtype == x.dtype


def strided(x, layout):
    """The same values in another layout of memory."""
    if layout == "channels_last" and x.dim() == 4:
        return x.to(memory_format=torch.channels_last)
    if layout == "transposed":
        return x.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "every second":
        return torch.stack([x, x + 1], -1)[..., 0]
    return x


@pytest.mark.usefixtures("module")
@every_version
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n=st.integers(1, 12),
    m=st.integers(1, 12),
    groups=st.integers(1, 5),
    shape=st.lists(st.integers(1, 70), min_size=1, max_size=4).filter(lambda s: torch.Size(s).numel() < 30_000),
    axis=st.integers(0, 3),
    layout=st.sampled_from(["contiguous", "channels_last", "transposed", "every second"]),
    seed=st.integers(0, 10**6),
)
def test_float64_is_the_reference(version, n, m, groups, shape, axis, layout, seed):
    axis = axis % len(shape)
    shape[axis] *= groups
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator, dtype=torch.float64) * 2
    compare(strided(x, layout), *coefficients(version, n, m, groups, torch.float64, seed), version, axis, 1e-9)


@pytest.mark.usefixtures("module")
@every_version
@pytest.mark.parametrize("degrees", [(1, 1), (5, 4), (4, 5), (8, 8), (2, 7)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    ("shape", "axis", "groups"),
    [
        ((70_001,), 0, 1),
        ((4, 3, 7, 11), 1, 3),
        ((40, 3, 20, 20), 1, 3),
        ((300, 6), 1, 6),
        ((33, 5, 96), 2, 8),
        ((4, 50), 0, 4),
        ((3, 1000), 1, 1000),
    ],
)
def test_smaller_types_are_the_reference_to_rounding(version, degrees, dtype, shape, axis, groups):
    generator = torch.Generator().manual_seed(0)
    x = (torch.randn(shape, generator=generator) * 0.5).to(dtype)
    a, b = coefficients(version, *degrees, groups, torch.float32, 0)
    compare(x, a, b, version, axis, {torch.float32: 3e-5, torch.bfloat16: 1e-2, torch.float16: 2e-3}[dtype])


@pytest.mark.usefixtures("module")
@every_version
@pytest.mark.parametrize("groups", [1, 2, 100])
def test_far_elements_are_those_of_float64_and_stay_alone(version, groups):
    a, b = coefficients(version, 5, 4, groups, torch.float32, 3)
    x = torch.randn(50, 4 * groups)
    x[20] = torch.tensor([1e30, -1e9, -1e32, 1e-38]).repeat(groups)
    grad = torch.randn(x.shape)
    ours = operator.rational(x, a, b, version), *operator._backward(grad, x, a, b, version, 1)
    wide = [t.double() for t in (x, a, b)]
    true = reference.rational(*wide, version), *reference.gradients(grad.double(), *wide, version, 1)
    assert all(torch.allclose(s.double(), t, rtol=1e-4, atol=1e-4) for s, t in zip(ours, true, strict=True))
    near = torch.cat([x[:20], x[21:]])
    assert torch.equal(operator.rational(x, a, b, version)[21:], operator.rational(near, a, b, version)[20:])


@pytest.mark.usefixtures("module")
@every_version
@pytest.mark.parametrize("groups", [1, 8])
def test_values_of_no_number_stay_where_they_are(version, groups):
    a, b = (
        c.repeat(groups, 1)
        for c in (rrn.Rational(version=version).numerator, rrn.Rational(version=version).denominator)
    )
    x = torch.randn(100, 8)
    x[3, 1], x[4, 2], x[5, 3] = float("nan"), float("inf"), -float("inf")
    x.requires_grad_()
    y = operator.rational(x, a, b, version)
    y.sum().backward()
    expected = torch.zeros(100, 8, dtype=torch.bool)
    expected[3, 1] = True
    assert torch.equal(y.isnan(), expected)
    assert not (x.grad.isnan() & ~expected)[torch.isfinite(x)].any()


@pytest.mark.usefixtures("module")
def test_coefficient_gradients_of_ten_million_elements():
    """The error is at most 1e-6, and near that of torch's float32 sums in pairs, whose terms are rounded alike."""
    generator = torch.Generator().manual_seed(5)
    x, grad = torch.randn(2, 10_000_000, generator=generator)
    module = rrn.Rational()
    inputs = [t.detach().clone().requires_grad_() for t in (x, module.numerator, module.denominator)]
    operator.rational(*inputs).backward(grad)
    wide = [t.detach().double() for t in inputs]
    _, *truth = reference.gradients(grad.double(), *wide, "A", 1)
    _, *plain = reference.gradients(grad, *(t.detach() for t in inputs), "A", 1)
    for ours, pairs, true in zip(inputs[1:], plain, truth, strict=True):
        error = (ours.grad.double() - true).norm() / true.norm()
        assert error <= 1e-6
        assert error <= 3 * (pairs.double() - true).norm() / true.norm()


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(("shape", "groups"), [((300_000,), 1), ((64, 30, 200), 30), ((40_000, 6), 6)])
def test_same_bits_with_any_number_of_threads(shape, groups):
    a, b = coefficients("A", 5, 4, groups, torch.float32, 0)
    x, grad = torch.randn(shape), torch.randn(shape)
    results = []
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3, 2):
            torch.set_num_threads(count)
            inputs = [t.clone().requires_grad_() for t in (x, a, b)]
            y = operator.rational(*inputs)
            results.append((y, *torch.autograd.grad(y, inputs, grad)))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(s, t) for other in results[1:] for s, t in zip(results[0], other, strict=True))


@every_version
@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "transposed", "every second"])
@pytest.mark.parametrize("groups", [1, 4])
def test_operator_keeps_the_contract_of_torch(version, layout, groups):
    a, b = coefficients(version, 3, 2, groups, torch.float32, 0)
    x = strided(torch.randn(2, 4, 3, 5), layout)
    inputs = [t.detach().requires_grad_() for t in (x, a, b)]
    torch.library.opcheck(torch.ops.rrn.rational.default, (*inputs, version, 1))
    grad = torch.randn_like(x)
    torch.library.opcheck(torch.ops.rrn.rational_backward.default, (grad, x, a, b, version, 1))


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


def test_without_kernels_the_reference_runs_and_says_so_once(monkeypatch):
    module, x = rrn.Rational(), torch.randn(50)
    with_kernel = module(x)
    monkeypatch.setattr(cpu, "KERNELS", None)
    monkeypatch.setattr(operator, "_warned", set())
    with pytest.warns(UserWarning, match="rationals on cpu run in plain torch"):
        plain = module(x)
    assert torch.allclose(plain, with_kernel, atol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module(x)


def test_whole_numbers_are_refused():
    with pytest.raises(ValueError, match=r"expected an input of a float type, got torch.int64"):
        rrn.Rational()(torch.arange(3))
