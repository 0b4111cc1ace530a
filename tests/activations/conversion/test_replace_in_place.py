"""Activations that change their input, and those that a model hides: the function stays, or the report warns."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import rrn
from rrn import Rational


def model_of(forward, **attributes) -> nn.Module:
    """Make a model with a linear layer and these attributes, and this `forward`."""

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)
            for name, value in attributes.items():
                setattr(self, name, value)

    Model.forward = forward
    return Model()


def relu() -> nn.ReLU:
    return nn.ReLU(inplace=True)


def dropped(self, x):
    x = self.linear(x)
    self.act(x)
    return x


def input_again(self, x):
    x = self.linear(x)
    return self.act(x) + x


def view_dropped(self, x):
    x = self.linear(x)
    self.act(x.view(-1))
    return x


def base_again(self, x):
    x = self.linear(x)
    y = self.act(torch.flatten(x)).view(x.shape)
    return y + x


def second_dropped(self, x):
    x = self.act(self.linear(x))
    self.act(x)
    return self.linear(x)


def by_name(self, x):
    x = self.linear(x)
    self.act(input=x)
    return x


def in_a_sequence(self, x):
    x = self.linear(x)
    self.sequence(x)
    return x


def residual(self, x):
    x = self.act(self.linear(x))
    before = x
    x = self.linear(x)
    x += before
    return self.act(x)


def compare(model: nn.Module, by="rational") -> tuple[float, rrn.activations.conversion.replace.Replaced]:
    """Return how much the output changes at most, and the report."""
    x = torch.randn(50, 4)
    before = model(x.clone()).detach()
    model, report = rrn.replace_activations(model, by)
    return (model(x.clone()) - before).abs().max().item(), report


@pytest.mark.parametrize("forward", [dropped, input_again, view_dropped, base_again, second_dropped, by_name])
def test_an_activation_whose_change_of_its_input_is_used_is_left_with_the_reason(forward):
    change, report = compare(model_of(forward, act=relu()))
    assert change == 0
    assert report.replaced == {}
    reason = "ReLU(inplace=True), whose change of its input is used; write x = act(x), and use only that x"
    assert report.left == {"act": reason}
    assert f"{reason}: act" in str(report)


def test_an_activation_in_a_sequence_whose_result_is_dropped_is_left():
    change, report = compare(model_of(in_a_sequence, sequence=nn.Sequential(relu(), nn.Identity())))
    assert (change, list(report.left), report.replaced) == (0, ["sequence.0"], {})


def test_an_activation_in_place_whose_result_is_used_is_replaced():
    for model in (model_of(residual, act=relu()), nn.Sequential(nn.Linear(4, 4), relu(), nn.Linear(4, 4), relu())):
        change, report = compare(model)
        assert 0 < change < 0.2  # the fit of relu differs from it
        assert (report.left, report.unsure) == ({}, ())
        assert set(report.replaced.values()) == {"ReLU -> Rational(relu)"}


def test_one_that_changes_its_input_may_take_the_place():
    model = model_of(dropped, act=relu())
    change, report = compare(model, {nn.ReLU: lambda: nn.ReLU6(inplace=True)})
    assert (change, report.replaced) == (0, {"act": "ReLU -> ReLU6"})


def test_where_the_model_cannot_be_followed_the_report_says_what_to_check():
    def branching(self, x):
        if x.sum() > 1e9:
            return x
        x = self.linear(x)
        self.act(x)
        return self.block(x)

    block = model_of(lambda self, x: self.act(x), act=relu())  # whose input is used elsewhere, or not
    model = model_of(branching, act=relu(), block=block, sure=nn.Sequential(nn.Linear(4, 4), relu()))
    _, report = rrn.replace_activations(model, "rational")
    assert list(report.replaced) == ["act", "block.act", "sure.1"]
    assert report.unsure == ("act", "block.act")
    assert "check that the model uses their result, as in x = act(x): act, block.act" in str(report)


@pytest.mark.parametrize("value", [[relu()], (relu(),), {"a": relu()}, [nn.Sequential(nn.Linear(4, 4), relu())]])
def test_activations_in_a_container_of_python_are_named(value):
    _, report = rrn.replace_activations(model_of(lambda self, x: self.linear(x), acts=value), "rational")
    assert report.replaced == {}
    assert report.left["acts"].startswith("ReLU, not registered in the model, as in a list or as an attribute")


def test_an_activation_of_the_class_is_named():
    model = model_of(lambda self, x: self.act(self.linear(x)))
    type(model).act = nn.Tanh()
    _, report = rrn.replace_activations(model, "rational")
    assert report.left["act"].startswith("Tanh, not registered in the model")


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.slow
@pytest.mark.parametrize("compiler", [torch.jit.script, lambda model: torch.jit.trace(model, torch.ones(1, 4))])
def test_what_torch_jit_compiled_is_named(compiler):
    model = nn.Sequential(compiler(nn.Sequential(nn.Linear(4, 4), nn.ReLU())), nn.ReLU())
    _, report = rrn.replace_activations(model, "rational")
    assert report.left == {"0.1": "ReLU in a model that torch.jit compiled; replace activations before that"}
    assert list(report.replaced) == ["1"]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (F.relu_, "relu_"),
        (lambda x: x.relu_(), "relu_"),
        (lambda x: torch.relu_(input=x), "relu_"),
        (lambda x: F.relu(x, inplace=True), "relu"),
        (functools.partial(F.leaky_relu, negative_slope=0.2), "leaky_relu"),
        (torch.ops.aten.relu.default, "relu"),
    ],
)
def test_functions_that_change_their_input_are_named(call, name):
    def forward(self, x):
        x = self.linear(x)
        call(x)
        return x

    change, report = compare(model_of(forward))
    assert (change, report.functional) == (0, {"": name})


@pytest.mark.slow
def test_an_exported_program_is_reported():
    program = torch.export.export(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), (torch.randn(3, 4),))
    assert rrn.replace_activations(program.module(), "rational")[1].functional == {"": "relu"}


@pytest.mark.slow
@pytest.mark.parametrize("method", [True, False])
def test_a_compiled_model_is_compiled_again(method):
    plain, x = nn.Sequential(nn.Linear(4, 4), nn.Tanh()), torch.randn(3, 4)
    model = plain
    if method:
        plain.compile(backend="eager")
    else:
        model = torch.compile(plain, backend="eager")
    model(x)
    rrn.replace_activations(model, {nn.Tanh: lambda: Rational(([0.0, 0, 1], [0.0]), (2, 1))})
    assert torch.allclose(model(x), plain[0](x) ** 2)
