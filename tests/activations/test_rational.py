"""Properties of the rational function, for every version."""

from __future__ import annotations

import copy
import io
import pickle
import warnings

import pytest
import torch
from helpers.marks import slow
from helpers.tensors import coefficients
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import rrn
from rrn.activations.fitting.presets import table
from rrn.activations.ops.operator import rational
from rrn.activations.ops.reference import VERSIONS

TABLED = ["identity", *sorted({key[0] for key in table()})]
every_version = pytest.mark.parametrize("version", VERSIONS)


def naive(x, numerator, denominator, version):
    """The definition, power by power, in float64."""
    x = x.double()
    p = sum(a * x**i for i, a in enumerate(numerator.double()))
    b = denominator.double()
    terms = [c * x ** (j if version == "C" else j + 1) for j, c in enumerate(b)]
    if version == "A":
        return p / (1 + sum(t.abs() for t in terms))
    q = sum(terms)
    return p / {"B": 1 + q.abs(), "D": 1 + q.abs(), "C": 0.1 + q.abs(), "N": 1 + q}[version]


@every_version
@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 8), m=st.integers(1, 8), seed=st.integers(0, 1000), groups=st.integers(1, 3))
def test_value_is_the_definition(version, n, m, seed, groups):
    a, b = coefficients(version, n, m, groups, torch.float32, seed)
    x = torch.randn(4, 2 * groups, 3) * 4
    y = rational(x, a, b, version, axis=1)
    for group in range(groups):
        part = slice(2 * group, 2 * group + 2)
        expected = naive(x[:, part], a[group], b[group], version)
        scale = naive(x[:, part].abs(), a[group].abs(), torch.zeros(m), "A") / 0.1  # cancellation in P, Q >= 0.1
        assert ((y[:, part] - expected).abs() <= 2e-5 * (1 + expected.abs()) + 1e-6 * scale).all()


@every_version
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("degrees", [(5, 4), *slow((2, 4), (3, 3), (8, 6))])
def test_gradients_to_the_second_order(version, groups, degrees):
    a, b = coefficients(version, *degrees, groups)
    x = torch.randn(3, 4, 2, dtype=torch.float64)
    inputs = [t.requires_grad_() for t in (x, a, b)]

    def function(x, a, b):
        return rational(x, a, b, version)

    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs)


@every_version
@pytest.mark.parametrize("at", [0.0, 1e-30, -3.0, 1e9, -1e9])
def test_second_derivative_is_finite_everywhere(version, at):
    x = torch.tensor([at], requires_grad=True)
    module = rrn.Rational(version=version)
    slope = torch.autograd.grad(module(x).sum(), x, create_graph=True)[0]
    slope.sum().backward()
    assert x.grad.isfinite().all()
    assert module.numerator.grad.isfinite().all()


@every_version
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_finite_input_gives_finite_value_and_gradients(version, dtype):
    largest = torch.finfo(dtype).max
    values = torch.tensor([0.0, -0.0, 1e-38, 1.0, -3.0, 1e3, largest / 2, -largest / 2], dtype=torch.float64)
    for init in TABLED:
        module, x = rrn.Rational(init, version=version), values.to(dtype).requires_grad_()
        y = module(x)
        assert y.dtype == dtype, init
        assert y.isfinite().all(), init
        y[:6].sum().backward()
        assert x.grad.dtype == dtype, init
        assert all(t.isfinite().all() for t in (x.grad, module.numerator.grad, module.denominator.grad)), init


@pytest.mark.parametrize("degrees", [(5, 4), (1, 1), (8, 8), (12, 11)])
@pytest.mark.parametrize("version", "ABC")
def test_far_values_are_those_of_float64(version, degrees):
    a, b = coefficients(version, *degrees, dtype=torch.float32)
    x = torch.tensor([1e3, -1e5, 1e7, -1e9, 1e12, 1e20, -1e30])
    expected = rational(x.double(), a.double(), b.double(), version)
    y = rational(x, a, b, version)
    assert torch.allclose(y.double(), expected, rtol=1e-5)


def test_one_outlier_leaves_the_coefficient_gradients_finite():
    module = rrn.Rational()
    x = torch.randn(1000)
    x[7] = 1e30
    module(x).sum().backward()
    assert module.numerator.grad.isfinite().all()
    assert module.denominator.grad.isfinite().all()


def test_not_a_number_stays_where_it_is():
    y = rrn.Rational()(torch.tensor([1.0, float("nan"), float("inf"), 2.0]))
    assert y.isnan().tolist() == [False, True, False, False]
    assert y[2] == float("inf")


@every_version
def test_coefficient_at_zero_learns(version):
    """sign(0) = +1, for each coefficient and for the sum."""
    module = rrn.Rational("identity", version=version).eval()
    module(torch.tensor([0.5, 1.0, 2.0])).sum().backward()
    assert (module.denominator.grad != 0).all()


@every_version
def test_no_starting_coefficient_of_the_denominator_is_stuck(version):
    x = torch.randn(999, generator=torch.Generator().manual_seed(1))
    for init in TABLED:
        module = rrn.Rational(init, version=version).eval()
        module(x).pow(2).sum().backward()
        assert (module.denominator.grad != 0).all(), init


def test_gradient_of_abs_is_plus_one_at_zero():
    x = torch.zeros(1, requires_grad=True)
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0]])
    rational(x, a, b, "A").sum().backward()
    assert x.grad.item() == -2.0


@every_version
def test_any_strides(version):
    module = rrn.Rational(version=version, groups=3).eval()
    x = torch.randn(2, 6, 5, 5)
    views = [x.to(memory_format=torch.channels_last), x.transpose(2, 3), x[:, :, ::2, 1:], x[:, :3].expand(2, 3, 5, 5)]
    for view in views:
        assert torch.equal(module(view), module(view.contiguous()))


@pytest.mark.parametrize(("shape", "axis"), [((4, 6), 1), ((2, 6, 3, 3), 1), ((2, 5, 6), -1), ((6, 2, 3), 0)])
def test_groups_along_an_axis(shape, axis):
    a, b = coefficients("A", 5, 4, groups=3)
    x = torch.randn(shape, dtype=torch.float64)
    parts = [rational(p, a[i : i + 1], b[i : i + 1]) for i, p in enumerate(x.chunk(3, axis))]
    assert torch.allclose(rational(x, a, b, "A", axis), torch.cat(parts, axis), rtol=1e-12)


def test_groups_that_do_not_divide_are_named():
    with pytest.raises(ValueError, match=r"multiple of groups=4, got shape \(2, 6\)"):
        rrn.Rational(groups=4)(torch.zeros(2, 6))


def test_empty_and_scalar_input():
    module = rrn.Rational()
    assert module(torch.zeros(0, 3)).shape == (0, 3)
    assert module(torch.zeros(())).shape == ()


def test_only_the_input_is_kept_for_backward():
    kept = []
    module = rrn.Rational()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        module(torch.randn(10_000, requires_grad=True))
    assert sum(kept) < 10_100


def test_version_d_draws_noise_in_training_only():
    module = rrn.Rational(version="D")
    x = torch.linspace(-2, 2, 9)
    torch.manual_seed(3)
    first, second = module(x), module(x)
    torch.manual_seed(3)
    assert torch.equal(module(x), first)
    assert not torch.equal(first, second)
    module.eval()
    same = rrn.Rational((module.numerator[0].tolist(), module.denominator[0].tolist()), version="B")
    assert torch.equal(module(x), same(x))


@pytest.mark.slow
@every_version
def test_compiles_without_a_break(version):
    module = rrn.Rational(version=version).eval()
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    x = torch.randn(20, requires_grad=True)
    expected = module(x)  # the first pass makes the coefficients parameters of torch's own class
    assert torch.allclose(compiled(x), expected)
    compiled(x).sum().backward()
    through_compiled, x.grad = x.grad, None
    module(x).sum().backward()
    assert torch.allclose(through_compiled, x.grad, atol=1e-6)


@every_version
def test_vmap_over_inputs_and_over_coefficients(version):
    modules = [rrn.Rational(name, version=version).eval() for name in ("tanh", "silu", "relu")]
    parameters, _ = torch.func.stack_module_state(modules)
    x = torch.randn(3, 7)
    base = modules[0]
    y = torch.func.vmap(lambda p, x: torch.func.functional_call(base, p, (x,)))(parameters, x)
    assert torch.allclose(y, torch.stack([m(row) for m, row in zip(modules, x, strict=True)]))
    slope = torch.func.vmap(torch.func.grad(lambda v: base(v)))(x[0])
    row = x[0].clone().requires_grad_()
    base(row).sum().backward()
    assert torch.allclose(slope, row.grad)


def network():
    act = rrn.RecurrentRational("tanh")
    return nn.Sequential(nn.Linear(3, 3), act, nn.Linear(3, 3), act.again(), nn.Linear(3, 1), act.again())


def test_recurrent_rational_is_one_pair_of_parameters():
    net = network()
    assert len(list(net.parameters())) == 2 * 3 + 2
    assert sum("numerator" in key for key in net.state_dict()) == 1
    assert {"1", "3", "5"} <= dict(net.named_modules()).keys()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_recurrent_rational_stays_shared_in_a_copy(copied):
    net, x = network(), torch.randn(4, 3)
    twin = copied(net)
    assert torch.equal(twin(x), net(x))
    with torch.no_grad():
        twin[1].numerator.add_(0.1)
    assert twin[3].owner is twin[5].owner is twin[1]
    assert not torch.equal(twin(x), net(x))
    assert net.double()(x.double()).dtype == torch.float64


def test_state_of_another_version_or_degrees_is_refused():
    state = rrn.Rational(version="B").state_dict()
    with pytest.raises(RuntimeError, match=r"version B with degrees \(5, 4\).*version A with degrees \(5, 4\)"):
        rrn.Rational().load_state_dict(state)
    with pytest.raises(RuntimeError, match=r"degrees \(3, 2\)"):
        rrn.Rational(degrees=(3, 2)).load_state_dict(rrn.Rational().state_dict())
    module = rrn.Rational("relu")
    file = io.BytesIO()
    torch.save(rrn.Rational("tanh").state_dict(), file)
    file.seek(0)
    module.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(module.numerator, rrn.Rational("tanh").numerator)


@pytest.mark.parametrize(
    ("options", "trained"),
    [
        ({}, {"numerator", "denominator"}),
        ({"trainable": False}, set()),
        ({"train_numerator": False}, {"denominator"}),
        ({"train_denominator": False}, {"numerator"}),
    ],
)
def test_freezing(options, trained):
    module = rrn.Rational(**options)
    assert {name for name, p in module.named_parameters() if p.requires_grad} == trained
    module(torch.randn(5, requires_grad=True)).sum().backward()
    assert {name for name, p in module.named_parameters() if p.grad is not None} == trained


def test_repr_says_what_it_is():
    text = repr(rrn.Rational("tanh", version="B", groups=2, train_numerator=False))
    assert text == "Rational(tanh, version=B, degrees=(5, 4), groups=2, axis=1, frozen: numerator)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"version": "E"}, "version: expected one of A, B, C, D, N, got 'E'"),
        ({"degrees": (0, 4)}, "degrees: expected two whole numbers"),
        ({"degrees": (5,)}, "degrees: expected two whole numbers"),
        ({"init": "swoosh"}, "init: expected one of identity"),
        ({"init": ([1.0], [2.0])}, "has 6 and 4 coefficients, got 1 and 1"),
        ({"groups": 0}, "groups: expected a whole number of at least 1, got 0"),
        ({"groups": "2"}, "groups: expected a whole number, got '2'"),
        ({"degrees": 5}, "degrees: expected two whole numbers .* got 5"),
        ({"init": 3}, "init: expected a name such as leaky_relu, a callable or two lists of coefficients, got 3"),
        ({"init": (1.0, 2.0)}, "two lists of coefficients"),
        ({"init": None}, "two lists of coefficients, got None"),
        ({"tail": "linear", "tail_range": 3}, "tail_range .* and 3"),
    ],
)
def test_mistakes_are_sentences(options, message):
    with pytest.raises(ValueError, match=message):
        rrn.Rational(**options)


@pytest.mark.parametrize(("degrees", "options"), [((3, 2), {}), ((8, 7), {}), ((5, 4), {"tail": "linear"})])
def test_a_soft_update_of_a_state_dict_loads(degrees, options):
    """As of a target network; the numbers that say the form are mixed with themselves too."""
    module, target = (rrn.Rational("tanh", degrees, **options) for _ in range(2))
    for rate in (0.005, 0.01, 0.3):
        state = {key: module.state_dict()[key] * rate + old * (1 - rate) for key, old in target.state_dict().items()}
        target.load_state_dict(state)


def test_a_place_without_its_owner_is_told():
    act = rrn.RecurrentRational()
    with pytest.warns(UserWarning, match="0: the coefficients are of a RecurrentRational that is not in this model"):
        rrn.snapshot(nn.Sequential(act.again()), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rrn.snapshot(nn.Sequential(act.again(), act), 0)


def test_version_d_draws_within_vmap():
    module = rrn.Rational(version="D")
    drawn = torch.vmap(module, randomness="different")(torch.ones(4, 3))
    assert len(drawn.unique()) == 4


def test_the_noise_of_version_d_is_a_tenth_to_each_side():
    module = rrn.Rational(([1.0, 0.0], [1.0]), (1, 1), "D", groups=20_000)
    noisy = module(torch.zeros(1, 20_000)).detach()  # a_0 with its noise alone
    assert (noisy.min().item(), noisy.max().item(), noisy.mean().item()) == pytest.approx((0.9, 1.1, 1.0), abs=2e-3)
    below = 1 / module(torch.ones(1, 20_000)).detach()  # (1 + b_1 with its noise) / a_0 with its own
    assert (below.min().item(), below.max().item()) == pytest.approx((1.9 / 1.1, 2.1 / 0.9), abs=2e-2)


def test_a_state_that_was_cast_can_be_loaded():
    act = rrn.Rational("gelu", tail="linear", tail_range=(-3.3, 2.7))
    state = {name: value.bfloat16() for name, value in act.state_dict().items()}
    act.load_state_dict(state)
    with pytest.raises(RuntimeError, match="linear tails at"):
        rrn.Rational("gelu", tail="linear", tail_range=(-3.3, 2.5)).load_state_dict(state)


def test_all_names_of_the_package_are_listed():
    assert set(rrn.__all__) <= set(dir(rrn))
