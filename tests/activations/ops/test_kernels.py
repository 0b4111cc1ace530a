"""The kernels against the reference in plain torch: every CPU module that runs here, and the GPU (`pytest -m gpu`), on
any shape and layout."""

from __future__ import annotations

import importlib
import itertools
import warnings

import pytest
import torch
from helpers.tensors import coefficients, strided
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rrn
from rrn.activations.ops import cpu, cuda, kernels, operator, reference
from rrn.activations.ops.reference import VERSIONS, denominator_size

FIRST = {"NO AVX": 2, "DEFAULT": 2, "AVX2": 1, "AVX512": 0}  # in the list of modules, by what the processor has
NAMES = ("rrn_cpu_avx512", "rrn_cpu_avx2", "rrn_cpu")
USABLE = NAMES[FIRST.get(torch.backends.cpu.get_cpu_capability(), 2) :]
every_version = pytest.mark.parametrize("version", VERSIONS)
built = pytest.mark.skipif(cpu.KERNELS is None, reason="the kernels were not built: there was no compiler")
GPU = pytest.param("cuda", marks=pytest.mark.gpu)


@pytest.fixture(params=[*USABLE, GPU])
def device(request, monkeypatch):
    """Each compiled module of the CPU in turn, then the GPU."""
    if request.param == "cuda":
        assert cuda.problem() is None, cuda.problem()
        return "cuda"
    try:
        found = importlib.import_module(request.param)
    except ImportError:
        pytest.skip(f"{request.param} was not built")
    monkeypatch.setattr(cpu, "KERNELS", found)
    return "cpu"


def differences(device, x, a, b, version, axis, rtol):
    """Compare a kernel with the reference in float64; the names of what differs by more than rtol of the largest."""
    generator = torch.Generator().manual_seed(1)
    grad = torch.randn(x.shape, generator=generator, dtype=torch.float64).to(device, x.dtype)
    x, a, b = (t.to(device) for t in (x, a, b))
    wide = [t.double() for t in (x, a, b)]
    expected = reference.rational(*wide, version, axis), *reference.gradients(grad.double(), *wide, version, axis)
    inputs = [t.detach().requires_grad_() for t in (x, a, b)]
    y = operator.rational(*inputs, version, axis)
    y.backward(grad)
    assert y.dtype == x.dtype
    found = []
    names = ("value", "gradient for x", "of the numerator", "of the denominator")
    for name, ours, truth in zip(names, (y, *(t.grad for t in inputs)), expected, strict=True):
        assert ours.shape == truth.shape
        scale = truth.abs().amax() if truth.numel() else 0
        if not torch.allclose(ours.double(), truth, rtol=rtol, atol=rtol * float(scale)):
            found.append(name)
    return found


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
def test_float64_is_the_reference(device, version, n, m, groups, shape, axis, layout, seed):
    axis = axis % len(shape)
    shape[axis] *= groups
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator, dtype=torch.float64) * 2
    a, b = coefficients(version, n, m, groups, torch.float64, seed)
    assert not differences(device, strided(x, layout), a, b, version, axis, 1e-9)


DEGREES = [(1, 1), (5, 4), (4, 5), (8, 8), (2, 7)]
SHAPES = [  # shape, axis and groups
    ((70_001,), 0, 1),
    ((4, 3, 7, 11), 1, 3),
    ((40, 3, 20, 20), 1, 3),
    ((300, 6), 1, 6),
    ((33, 5, 96), 2, 8),
    ((4, 50), 0, 4),
    ((3, 1000), 1, 1000),
]


@every_version
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 3e-5), (torch.bfloat16, 1e-2), (torch.float16, 2e-3)])
def test_smaller_types_are_the_reference_to_rounding(device, version, dtype, rtol):
    wrong = {}
    for degrees, (shape, axis, groups) in itertools.product(DEGREES, SHAPES):
        x = (torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 0.5).to(dtype)
        a, b = coefficients(version, *degrees, groups, torch.float32, 0)
        if found := differences(device, x, a, b, version, axis, rtol):
            wrong[degrees, shape] = found
    assert not wrong


@every_version
@pytest.mark.parametrize("groups", [1, 2, 100])
def test_far_elements_are_those_of_float64_and_stay_alone(device, version, groups):
    a, b = (c.to(device) for c in coefficients(version, 5, 4, groups, torch.float32, 3))
    x = torch.randn(50, 4 * groups)
    x[20] = torch.tensor([1e30, -1e9, -1e32, 1e-38]).repeat(groups)
    x, grad = x.to(device), torch.randn(x.shape).to(device)
    ours = operator.rational(x, a, b, version), *kernels.backward(grad, x, a, b, version, 1)
    wide = [t.double() for t in (x, a, b)]
    true = reference.rational(*wide, version), *reference.gradients(grad.double(), *wide, version, 1)
    assert all(torch.allclose(s.double(), t, rtol=1e-4, atol=1e-4) for s, t in zip(ours, true, strict=True))
    near = torch.cat([x[:20], x[21:]])
    assert torch.equal(operator.rational(x, a, b, version)[21:], operator.rational(near, a, b, version)[20:])


@every_version
@pytest.mark.parametrize("groups", [1, 8])
def test_values_of_no_number_stay_where_they_are(device, version, groups):
    a, b = (
        c.to(device).repeat(groups, 1)
        for c in (rrn.Rational(version=version).numerator, rrn.Rational(version=version).denominator)
    )
    x = torch.randn(100, 8)
    x[3, 1], x[4, 2], x[5, 3] = float("nan"), float("inf"), -float("inf")
    x = x.to(device).requires_grad_()
    y = operator.rational(x, a, b, version)
    y.sum().backward()
    expected = torch.zeros(100, 8, dtype=torch.bool)
    expected[3, 1] = True
    assert torch.equal(y.isnan().cpu(), expected)
    assert not (x.grad.isnan().cpu() & ~expected)[torch.isfinite(x).cpu()].any()


@pytest.fixture(scope="module")
def ten_million():
    """Inputs and gradients, a rational, and the gradients of its coefficients by the reference in both types."""
    x, grad = torch.randn(2, 10_000_000, generator=torch.Generator().manual_seed(5))
    tensors = (grad, x, *(p.detach() for p in rrn.Rational().parameters()))
    plain, truth = (reference.gradients(*(t.to(t_) for t in tensors), "A", 1)[1:] for t_ in (torch.float, torch.double))
    return tensors, plain, truth


@pytest.mark.slow
def test_coefficient_gradients_of_ten_million_elements(device, ten_million):
    """The error is at most 1e-6, and near that of torch's float32 sums in pairs, whose terms are rounded alike."""
    tensors, plain, truth = ten_million
    grad, *inputs = (t.to(device) for t in tensors)
    _, *found = kernels.backward(grad, *inputs, "A", 1)
    for ours, pairs, true in zip(found, plain, truth, strict=True):
        error = (ours.cpu().double() - true).norm() / true.norm()
        assert error <= 1e-6
        assert error <= 3 * (pairs.double() - true).norm() / true.norm()


@pytest.mark.parametrize(("shape", "groups"), [((300_000,), 1), ((64, 30, 200), 30), ((40_000, 6), 6)])
def test_same_bits_on_every_run_with_any_number_of_threads(device, shape, groups):
    a, b = (c.to(device) for c in coefficients("A", 5, 4, groups, torch.float32, 0))
    x, grad = torch.randn(2, *shape).to(device)
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


@built
def test_without_kernels_the_reference_runs_and_says_so_once(monkeypatch):
    module, x = rrn.Rational(), torch.randn(50)
    with_kernel = module(x)
    monkeypatch.setattr(cpu, "KERNELS", None)
    monkeypatch.setattr(kernels, "_warned", set())
    with pytest.warns(UserWarning, match="rationals on cpu run in plain torch"):
        plain = module(x)
    assert torch.allclose(plain, with_kernel, atol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module(x)


def test_on_meta_nothing_is_computed_and_no_warning_given(monkeypatch):
    monkeypatch.setattr(kernels, "_warned", set())
    module, x = rrn.Rational(device="meta"), torch.ones(3, device="meta", requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module(x).sum().backward()
    assert x.grad.is_meta


@pytest.mark.parametrize("way", ["reference", pytest.param("kernel", marks=built)])
@every_version
def test_the_slope_far_out_is_there_where_denormals_are_flushed(way, version):
    """1 / |x| would be 0 there, and with it the slope of R, which is that of its leading terms."""
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush denormals")
    try:
        a, b = torch.tensor([[0.0, 1, 0, 3]]), torch.tensor([[0.0, 0.0, 2.0][version != "C" :]])
        x = torch.tensor([3e38, -3e38, float("inf")])
        gradients = reference.gradients if way == "reference" else kernels.backward
        slope, *_ = gradients(torch.ones(3), x, a, b, version, 1)
    finally:
        torch.set_flush_denormal(False)
    assert torch.allclose(slope, torch.tensor(1.5), rtol=1e-5)


@built
def test_an_entry_counts_its_arguments():
    for entry, expected in (("forward", 12), ("backward", 15), ("histogram", 7)):
        with pytest.raises(TypeError, match=f"{entry}: expected {expected} integers, got {expected - 1} arguments"):
            getattr(cpu.KERNELS, entry)(*[0] * (expected - 1))


@pytest.mark.parametrize(
    ("x", "numerator", "denominator", "message"),
    [
        (
            torch.arange(3),
            (1, 6),
            (1, 4),
            "input of float32, float64, bfloat16 or float16, got torch.int64; convert it",
        ),
        (torch.ones(3), (3, 6), (1, 4), "as many rows in the denominator as in the numerator, got 1 and 3"),
        (torch.ones(3), (0, 6), (0, 4), "got 0 and 0"),
        (torch.ones(3), (1, 1), (1, 4), r"n and m of at least 1, got shapes \(1, 1\)"),
        (torch.ones(3), (1, 6), (1, 0), r"got shapes \(1, 6\) and \(1, 0\)"),
        (torch.ones(3), (6,), (4,), r"expected a numerator \[G, n \+ 1\]"),
        (torch.ones(3, device="meta"), (1, 6), (1, 4), "expected a numerator of a float type on meta"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(x, numerator, denominator, message):
    with pytest.raises(ValueError, match=message):
        operator.rational(x, torch.ones(numerator), torch.ones(denominator))


def test_coefficients_of_one_group_leave_the_others_alone():
    a, b = coefficients("A", 5, 4, 2, torch.float32, 0)
    x = torch.randn(4, 2, 3)
    alone = operator.rational(x[:, 1], a[1:], b[1:])
    a[0, 2] = float("inf")
    assert torch.allclose(operator.rational(x, a, b)[:, 1], alone)


@built
def test_coefficients_beyond_the_range_of_a_reciprocal(device):
    x, a, b = torch.tensor([0.0, -0.0, 1.0, 1e30]), torch.zeros(1, 6), torch.zeros(1, 5)
    a[0, 0] = b[0, 0] = 2e38
    grad = torch.full_like(x, 1e38)
    on_device = [t.to(device) for t in (x, a, b)]
    ours = operator.rational(*on_device, "C"), *kernels.backward(grad.to(device), *on_device, "C", 1)
    wide = [t.double() for t in (x, a, b)]
    true = reference.rational(*wide, "C"), *reference.gradients(grad.double(), *wide, "C", 1)
    assert true[0].tolist() == [1, 1, 1, 1]
    for found, exact in zip(ours, true, strict=True):
        assert torch.allclose(found.cpu(), exact.float(), rtol=1e-5)


@built
@every_version
@pytest.mark.parametrize("degrees", [(4, 5), (5, 5), (8, 8)])
def test_small_gradients_of_large_values_do_not_underflow(version, degrees):
    a, b = torch.ones(1, degrees[0] + 1), torch.ones(1, denominator_size(degrees[1], version))
    for size in (1e3, 1e4, 3e5, 3e6, 1.7e7):
        x, grad = torch.tensor([size]), torch.tensor([1e-8])
        _, *ours = kernels.backward(grad, x, a, b, version, 0)
        _, *true = reference.gradients(grad.double(), x.double(), a.double(), b.double(), version, 0)
        assert all(torch.allclose(s.double(), t, rtol=1e-4, atol=1e-37) for s, t in zip(ours, true, strict=True))
