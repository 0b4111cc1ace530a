"""Another version or other degrees for a rational that is there: as near as they can be, and the error is said."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils import prune

import rrn

X = torch.linspace(-3, 3, 1001, dtype=torch.float64)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "degrees", "largest"), [("B", (5, 4), 2e-4), *((version, (3, 2), 0.02) for version in "ACDN")]
)
def test_another_version_is_near_the_function_and_says_how_near(version, degrees, largest):
    act = rrn.Rational("gelu", degrees, dtype=torch.float64).eval()
    before = act(X).detach()
    change = rrn.change_version(act, version)
    assert act.version == version
    difference = (act(X) - before).detach()
    assert change.largest == pytest.approx(difference.abs().max().item(), rel=0.02, abs=1e-12)
    assert change.rms == pytest.approx(difference.square().mean().sqrt().item(), rel=0.02, abs=1e-12)
    assert change.largest < largest
    assert f"{change.largest:.3g}" in str(change)
    state = act.state_dict()
    rrn.Rational("gelu", degrees, version, dtype=torch.float64).load_state_dict(state)


def test_b_and_d_have_the_same_coefficients():
    act = rrn.Rational("silu", version="B")
    before = act.numerator.detach().clone()
    assert rrn.change_version(act, "D").largest == 0
    assert torch.equal(act.numerator, before)


@pytest.mark.parametrize("version", "ABCDN")
def test_higher_degrees_change_nothing_and_can_learn(version):
    act = rrn.Rational("gelu", version=version, groups=2).eval()
    x = X.float().reshape(7, 1, 143).repeat(1, 2, 1)
    before = act(x).detach()
    assert rrn.change_degrees(act, (7, 6)).largest == 0
    assert act.degrees == (7, 6)
    assert act.numerator.shape == (2, 8)
    assert torch.allclose(act(x), before, atol=1e-6)
    act(x).square().sum().backward()
    assert (act.numerator.grad != 0).all()
    assert (act.denominator.grad != 0).all()


def test_lower_degrees_fit_each_row():
    act = rrn.Rational("silu", groups=2, dtype=torch.float64).eval()
    with torch.no_grad():
        act.numerator[1] *= 2
    before = act.evaluate_rows(X[:, None]).detach()
    change = rrn.change_degrees(act, (3, 2))
    difference = (act.evaluate_rows(X[:, None]) - before).detach()
    assert change.largest == pytest.approx(difference.abs().max().item(), rel=0.02)
    assert change.rms == pytest.approx(difference.square().mean(dim=0).max().sqrt().item(), rel=0.02)
    assert change.largest < 0.05


def test_the_fit_is_nearer_where_the_inputs_are():
    near_two = torch.randn(5000, generator=torch.Generator().manual_seed(0)) * 0.2 + 2
    errors = []
    for inputs in (None, near_two):
        act = rrn.Rational("gelu", dtype=torch.float64)
        before = act(near_two.double()).detach()
        rrn.change_degrees(act, (2, 2), inputs=inputs)
        errors.append((act(near_two.double()) - before).square().mean().sqrt().item())
    assert errors[1] < errors[0] / 10


@pytest.mark.slow
def test_recorded_inputs_are_taken_and_places_follow():
    act = rrn.RecurrentRational("tanh", (3, 2))
    place = act.again()
    with rrn.record_inputs(act):
        act(torch.full((100,), 5.0).uniform_(4, 6))
    change = rrn.change_version(act, "N")
    assert change.range == pytest.approx((4, 6), abs=0.1)
    assert (place(torch.tensor([5.0])) - act(torch.tensor([5.0]))).abs() == 0
    assert "version=N" in repr(place)


def test_frozen_coefficients_stay_frozen():
    act = rrn.Rational(degrees=(3, 2), train_denominator=False)
    rrn.change_version(act, "B")
    assert [p.requires_grad for p in (act.numerator, act.denominator)] == [True, False]


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (rrn.change_version, (torch.nn.ReLU(), "A"), "module: expected a Rational, got ReLU"),
        (rrn.change_version, (rrn.Rational(), "E"), "version: expected one of A, B, C, D, N, got 'E'"),
        (rrn.change_degrees, (rrn.Rational(), (0, 4)), "degrees: expected two whole numbers"),
    ],
)
def test_a_mistake_is_a_sentence(change, arguments, message):
    with pytest.raises(ValueError, match=message):
        change(*arguments)


def test_parametrized_coefficients_are_refused():
    act = rrn.Rational()
    torch.nn.utils.parametrize.register_parametrization(act, "numerator", torch.nn.Identity())
    with pytest.raises(ValueError, match="parametrized; remove that first"):
        rrn.change_version(act, "B")


@pytest.mark.parametrize("scale", [2.0, -2.0])
def test_an_affine_rational_is_fitted_where_it_is_used(scale):
    x = torch.linspace(-3, 3, 2001)
    act = rrn.AffineRational("gelu")
    with torch.no_grad():
        act.input_scale.fill_(scale)
        act.input_shift.fill_(3.0)
        act.output_scale.fill_(-0.5)
        before = act.evaluate(x)
        change = rrn.change_degrees(act, (3, 2), inputs=x)
        largest = (act.evaluate(x) - before).abs().max().item()
    assert change.range == pytest.approx((-3, 3), abs=0.1)
    assert change.largest == pytest.approx(largest, rel=0.1)
    assert largest < 0.15


def test_weights_within_one_range_count():
    inputs = torch.cat([torch.linspace(-3, 3, 50), torch.linspace(-2.6, -2.4, 5000)])
    errors = []
    for given in (torch.linspace(-3, 3, 5000), inputs):
        act = rrn.Rational("gelu", dtype=torch.float64)
        before = act(inputs.double()).detach()
        rrn.change_degrees(act, (2, 2), inputs=given)
        errors.append((act(inputs.double()) - before).square().mean().sqrt().item())
    assert errors[1] < errors[0] / 2


def test_a_negative_scale_turns_the_weights_round():
    inputs = torch.cat([torch.linspace(-3, 3, 50), torch.linspace(2.4, 2.6, 5000)])
    errors = []
    for given in (-inputs, inputs):
        act = rrn.AffineRational("gelu", dtype=torch.float64)
        with torch.no_grad():
            act.input_scale.fill_(-1.0)
        before = act(inputs.double()).detach()
        rrn.change_degrees(act, (2, 2), inputs=given)
        errors.append((act(inputs.double()) - before).square().mean().sqrt().item())
    assert errors[1] < errors[0] / 3


def test_linear_tails_are_part_of_what_is_compared():
    act = rrn.Rational("gelu", tail="linear", tail_range=(-1, 1), dtype=torch.float64)
    before = act(X).detach()
    change = rrn.change_degrees(act, (3, 2))
    assert change.largest == pytest.approx((act(X) - before).abs().max().item(), rel=0.02)
    assert change.largest < 0.02  # fitted where R itself is used


@pytest.mark.slow
def test_a_curve_that_is_narrow_beside_the_inputs_is_not_overlooked():
    act = rrn.Rational("tanh", (3, 2), dtype=torch.float64)
    x = torch.linspace(-3000, 3000, 200_001, dtype=torch.float64)
    before = act(x).detach()
    change = rrn.change_version(act, "B", inputs=torch.randn(10_000, dtype=torch.float64) * 1000)
    assert change.largest >= 0.9 * (act(x) - before).abs().max().item()


def test_all_places_of_a_recurrent_rational_count():
    act = rrn.RecurrentRational("tanh")
    model = torch.nn.ModuleList([act, act.again()])
    with rrn.record_inputs(model):
        model[0](torch.rand(1000) - 0.5)
        model[1](10 * torch.rand(1000) - 5)
    low, high = rrn.change_degrees(act, (4, 3)).range
    assert low < -4
    assert high > 4


def test_pruned_coefficients_are_refused():
    act = rrn.Rational()
    prune.identity(act, "numerator")
    with pytest.raises(ValueError, match="pruned or parametrized"):
        rrn.change_version(act, "B")
