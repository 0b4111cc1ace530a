"""Other forms of rationals compute what their formulas say, with the right gradients, and can be saved."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

import rrn
from rrn.activations.ops.reference import VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_a_linear_tail_is_the_tangent(version):
    plain = rrn.Rational("leaky_relu", version=version, dtype=torch.float64).eval()
    tailed = rrn.Rational("leaky_relu", version=version, tail="linear", tail_range=(-2, 3), dtype=torch.float64).eval()
    inside = torch.linspace(-2, 3, 101, dtype=torch.float64)
    assert tailed(inside).equal(plain(inside))
    for end, far in ((-2.0, -50.0), (3.0, 80.0)):
        x = torch.tensor(end, dtype=torch.float64, requires_grad=True)
        y = plain(x)
        slope = torch.autograd.grad(y, x)[0]
        assert tailed(torch.tensor(far, dtype=torch.float64)).item() == pytest.approx((y + slope * (far - end)).item())
    assert tailed(torch.tensor([-1e3, 1e3], dtype=torch.float64)).tolist() == pytest.approx([-10, 1000], abs=60)


def test_gradients_of_a_linear_tail():
    torch.manual_seed(1)
    module = rrn.Rational("tanh", groups=3, tail="linear", tail_range=(-1, 1), dtype=torch.float64)
    with torch.no_grad():
        module.numerator += 0.1 * torch.randn_like(module.numerator)
        module.denominator += 0.1  # away from the kink of |b|
    x = (3 * torch.randn(4, 6, 2, dtype=torch.float64)).requires_grad_()
    call = lambda x, *rows: torch.func.functional_call(module, dict(zip(("numerator", "denominator"), rows)), (x,))  # noqa: B905, E731
    assert torch.autograd.gradcheck(call, (x, module.numerator, module.denominator))
    rows = torch.cat([module.evaluate_rows(x[:, :, 0].reshape(-1, 1))[:, i, None] for i in range(3)], dim=1)
    expected = rows.reshape(4, 6, 3).gather(2, torch.tensor([0, 0, 1, 1, 2, 2]).expand(4, 6)[..., None])[..., 0]
    assert torch.allclose(module(x)[:, :, 0], expected)


def test_a_state_with_another_tail_is_refused():
    module = rrn.Rational(tail="linear", tail_range=(-2, 2))
    with pytest.raises(RuntimeError, match=r"linear tails at \[-2.0, 2.0\].* this module version A"):
        rrn.Rational().load_state_dict(module.state_dict())
    again = rrn.Rational("tanh", tail="linear", tail_range=(-2, 2))
    again.load_state_dict(module.state_dict())
    assert again(torch.ones(1)).equal(module(torch.ones(1)))
    assert "tail=linear outside [-2.0, 2.0]" in repr(again)
    with pytest.raises(ValueError, match="tail: expected one of rational, linear"):
        rrn.Rational(tail="flat")
    with pytest.raises(ValueError, match="low < high"):
        rrn.Rational(tail="linear", tail_range=(2, 2))


def test_an_affine_rational_starts_as_it_is_and_learns_its_four_numbers():
    module, plain, x = rrn.AffineRational("silu"), rrn.Rational("silu"), torch.randn(50)
    assert module(x).equal(plain(x))
    with torch.no_grad():
        module.input_scale.fill_(2)
        module.input_shift.fill_(0.5)
        module.output_scale.fill_(-1)
        module.output_shift.fill_(3)
    assert torch.allclose(module(x), 3 - plain(2 * x + 0.5))
    assert torch.allclose(module.evaluate_rows(x[:, None])[:, 0], module(x))
    module(x).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in module.parameters())
    assert len(module.state_dict()) == 2 + 4 + 1
    assert not any(p.requires_grad for p in rrn.AffineRational(trainable=False).parameters())


@pytest.mark.parametrize("groups", [1, 4])
def test_a_chain_applies_one_after_the_other(groups):
    chain, x = rrn.RationalChain("tanh", 3, groups=groups), torch.randn(7, 8)
    assert torch.allclose(chain(x), rrn.Rational("tanh")(x), atol=1e-6)
    with torch.no_grad():
        chain[1].numerator += 0.1 * torch.randn_like(chain[1].numerator)
    assert torch.allclose(chain(x), chain[2](chain[1](chain[0](x))))
    assert torch.allclose(chain.evaluate_rows(x[:, :1])[:, -1], chain(x[:, :1].expand(-1, 4))[:, -1], atol=1e-6)
    again = copy.deepcopy(chain)
    assert [name for name, _ in again.named_parameters()] == [name for name, _ in chain.named_parameters()]
    with pytest.raises(ValueError, match="length: expected 1 or more"):
        rrn.RationalChain(length=0)


def test_frozen_coefficients_stay():
    module = rrn.Rational().freeze()
    assert not any(p.requires_grad for p in module.parameters())
    assert "frozen: numerator and denominator" in repr(module)
    assert all(p.requires_grad for p in module.unfreeze().parameters())


def model() -> nn.Sequential:
    act = rrn.RecurrentRational("tanh")
    return nn.Sequential(nn.Linear(2, 8), act, nn.Linear(8, 8), act.again(), rrn.AffineRational(), nn.Linear(8, 1))


def test_parameter_groups_hold_each_parameter_once():
    network = model()
    network[-1].bias.requires_grad_(False)
    weights, rationals = rrn.parameter_groups(network, 1e-3, 1e-2, weight_decay=0.0)
    assert (weights["lr"], rationals["lr"], rationals["weight_decay"]) == (1e-3, 1e-2, 0.0)
    assert (len(weights["params"]), len(rationals["params"])) == (5, 2 + 6)
    optimiser = torch.optim.AdamW(rrn.parameter_groups(network, 0.0, 0.1))
    before = copy.deepcopy(network.state_dict())
    network(torch.randn(9, 2)).square().sum().backward()
    optimiser.step()
    moved = {name for name, value in network.state_dict().items() if not value.equal(before[name])}
    assert moved == {name for name in before if name.split(".")[0] in "14" and "extra" not in name}
    assert len(rrn.parameter_groups(nn.Linear(2, 2), 1.0, 1.0)) == 1
    with pytest.raises(ValueError, match="0 or more"):
        rrn.parameter_groups(network, -1.0, 1.0)
    with pytest.raises(ValueError, match="0 or more"):
        rrn.parameter_groups(network, 1.0, math.nan)


def test_the_penalty_pulls_a_shape_back():
    network = model()
    penalty = rrn.ShapePenalty(network)
    assert penalty().item() == 0
    assert not list(penalty.parameters())
    with torch.no_grad():
        network[1].numerator[0, 0] += 0.5  # R moves by 0.5 / Q
    moved = penalty().item()
    assert moved > 0.01
    again = rrn.ShapePenalty(network)
    again.load_state_dict(penalty.state_dict())
    assert again().item() == moved
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(100):
        optimiser.zero_grad()
        penalty().backward()
        optimiser.step()
    assert penalty().item() < 0.05 * moved
    with pytest.raises(ValueError, match="it has none"):
        rrn.ShapePenalty(nn.ReLU())
    with pytest.raises(ValueError, match="low < high"):
        rrn.ShapePenalty(network, (3, -3))


def test_the_penalty_is_the_mean_of_squares_on_its_range():
    act = rrn.Rational(([0.0, 1.0], [0.0]), (1, 1))
    penalty = rrn.ShapePenalty(nn.Sequential(act), (0.0, 2.0), points=3)
    with torch.no_grad():
        act.numerator[0, 1] = 3.0  # from x to 3 x, at 0, 1 and 2
    assert penalty().item() == pytest.approx((0 + 4 + 16) / 3)


@torch.no_grad()
def test_an_affine_rational_takes_floats_alone_and_computes_in_float32():
    act = rrn.AffineRational("tanh")
    act.input_scale.fill_(1.3)
    act.output_scale.fill_(1.1)
    with pytest.raises(ValueError, match=r"float16, got torch\.int64"):
        act(torch.tensor([1, 2]))
    x = torch.linspace(-3, 3, 1001).bfloat16()
    y = act(x)
    assert y.dtype is torch.bfloat16
    assert torch.equal(y, act(x.float()).bfloat16())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("kind", [rrn.Rational, rrn.AffineRational])
def test_linear_tails_keep_the_type_of_the_input(kind, dtype):
    act = kind("gelu", tail="linear", tail_range=(-1, 1))
    assert act(torch.linspace(-3, 3, 7, dtype=dtype)).dtype is dtype


def test_a_graph_of_a_rational_with_linear_tails():
    act = rrn.Rational("gelu", tail="linear", groups=2)
    x = 3 * torch.randn(5, 4)
    assert torch.equal(torch.fx.symbolic_trace(nn.Sequential(act))(x), act(x))


def test_rationals_inside_an_activation_of_ones_own_and_tied_ones():
    class Own(nn.Module):
        is_activation = True

        def __init__(self):
            super().__init__()
            self.rational = rrn.Rational()

        def forward(self, x):
            return 2 * self.rational(x)

    model = nn.Sequential(nn.Linear(2, 2), Own(), rrn.Rational())
    model[2].numerator = model[1].rational.numerator
    weights, coefficients = rrn.parameter_groups(model, 1e-3, 1e-2)
    assert len(weights["params"]) == 2
    assert len(coefficients["params"]) == 3
    assert rrn.ShapePenalty(model)().item() == 0
    with pytest.raises(ValueError, match="points: expected 1 or more, got 0"):
        rrn.ShapePenalty(model, points=0)
