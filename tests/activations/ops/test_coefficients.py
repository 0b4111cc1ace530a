"""Loops that initialise matrices leave coefficients as they are, or say why they cannot be initialised."""

from __future__ import annotations

import copy
import io
import pickle
import warnings

import pytest
import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

import rrn
from rrn.activations.ops.coefficients import PROTECTS, Coefficients

KEPT = [
    nn.init.xavier_uniform_,
    nn.init.xavier_normal_,
    nn.init.kaiming_uniform_,
    nn.init.kaiming_normal_,
    nn.init.uniform_,
    nn.init.normal_,
]
REFUSED = [nn.init.trunc_normal_, nn.init.orthogonal_, nn.init.eye_, lambda p: nn.init.sparse_(p, 0.5)]


protected = pytest.mark.skipif(not PROTECTS, reason="torch.compile of torch before 2.8 takes torch's own classes alone")


def model() -> nn.Sequential:
    return nn.Sequential(rrn.Rational("gelu", groups=3), rrn.AffineRational("tanh"))


def loop(net: nn.Module, initialise) -> None:
    for p in net.parameters():
        if p.dim() > 1:
            initialise(p)


@protected
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_a_transformer_of_torch_starts_as_the_given_function():
    with pytest.warns(UserWarning, match=r"the coefficients of a rational keep their values, uniform_\(\) is for"):
        net = nn.Transformer(8, 2, 2, 2, 16, activation=rrn.Rational("gelu"))
    for layer in net.encoder.layers:
        assert layer.activation(torch.tensor(3.0)).item() == pytest.approx(2.996, abs=0.01)
    with pytest.warns(UserWarning, match=r"decoder.layers.0.activation, decoder.layers.1.activation: the model does"):
        rrn.rational_parameters(net)
    for layer in net.decoder.layers:
        layer.activation = rrn.Rational("gelu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rrn.parameter_groups(net, 1e-3, 1e-4)
    net(torch.randn(3, 1, 8), torch.randn(2, 1, 8)).sum().backward()
    assert all(p.grad is not None for p in rrn.rational_parameters(net))


@protected
@pytest.mark.parametrize("initialise", KEPT)
@pytest.mark.filterwarnings("ignore:the coefficients of a rational keep")
def test_random_initialisers_keep_them(initialise):
    net = model()
    loop(net, initialise)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), model().parameters(), strict=True))


@protected
@pytest.mark.parametrize("initialise", REFUSED)
@pytest.mark.filterwarnings("ignore:the coefficients of a rational keep")
def test_initialisers_that_need_a_matrix_say_what_to_do(initialise):
    net = model()
    with pytest.raises(ValueError, match=r"expected weights to initialise, .*; set them with copy_\(\), .*parameters"):
        loop(net, initialise)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), model().parameters(), strict=True))


COPIES = {
    "deepcopy": copy.deepcopy,
    "assign": lambda net: net.load_state_dict(model().state_dict(), assign=True) and net,
    "double": lambda net: net.double(),
    "reset": lambda net: [m.reset_parameters() for m in net.to("meta").to_empty(device="cpu")] and net,
    "change_degrees": lambda net: rrn.change_degrees(net[0], (6, 4)) and net,
}


@protected
@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
@pytest.mark.filterwarnings("ignore:the coefficients of a rational keep")
def test_they_are_kept_after(copied):
    net = copied(model())
    before = copy.deepcopy(net.state_dict())
    loop(net, nn.init.xavier_uniform_)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_their_values_can_be_set_and_their_states_hold_plain_tensors():
    net = model()
    with torch.no_grad():
        net[0].numerator.copy_(torch.ones(3, 6)).mul_(2)
        net[0].denominator.zero_()
        net[0].denominator.data.normal_()
    assert (net[0].numerator == 2).all()
    assert net[0].denominator.std() > 0
    assert {type(value) for value in net.state_dict().values()} == {torch.Tensor}
    assert repr(net[0].numerator).startswith("Parameter containing:\ntensor([[2., 2.")
    assert type(net[0].numerator + 1) is torch.Tensor
    file = io.BytesIO()
    torch.save([net.state_dict(), net[0].numerator], file)
    file.seek(0)
    assert torch.equal(torch.load(file, weights_only=True)[1], net[0].numerator)
    assert b"Coefficients" not in pickle.dumps(net)


def test_an_optimizer_and_functions_of_torch_take_them_as_parameters():
    net, plain = model(), model()
    Coefficients.release(*plain.parameters())
    vector = nn.utils.parameters_to_vector(net.parameters())
    nn.utils.vector_to_parameters(vector * 1.01, net.parameters())
    nn.utils.vector_to_parameters(vector * 1.01, plain.parameters())
    for options in ({"foreach": True}, {"foreach": False}, {"fused": True}):
        for one in (net, plain):
            optimizer = torch.optim.AdamW(one.parameters(), **options)
            one(torch.linspace(-2, 2, 9).reshape(3, 3)).square().sum().backward()
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), plain.parameters(), strict=True))


@pytest.mark.parametrize("options", [{}, {"version": "D"}, {"tail": "linear"}, {"groups": 3}])
def test_make_fx_takes_them(options):
    x = torch.randn(4, 3)
    for kind in (rrn.Rational, rrn.AffineRational):
        module = kind("gelu", **options)
        graph = make_fx(lambda x: module(x))(x)  # noqa: B023
        module.reset_parameters()
        rows = make_fx(lambda x: module.evaluate_rows(x))(x[:, :1])  # noqa: B023
        module.eval()
        assert torch.allclose(rows(x[:, :1]), module.evaluate_rows(x[:, :1]))
        if options.get("version") != "D":
            assert torch.allclose(graph(x), module(x))


@protected
@pytest.mark.filterwarnings("ignore:the coefficients of a rational keep")
def test_they_are_plain_parameters_from_the_first_forward_pass_to_the_next_reset():
    net = rrn.Rational("gelu")
    assert type(net.numerator) is Coefficients
    net(torch.ones(2))
    assert type(net.numerator) is type(net.denominator) is nn.Parameter
    nn.init.normal_(net.numerator)
    assert not torch.equal(net.numerator, rrn.Rational("gelu").numerator)
    net.reset_parameters()
    nn.init.normal_(net.numerator)
    assert torch.equal(net.numerator, rrn.Rational("gelu").numerator)


@pytest.mark.slow
def test_compile_and_export_take_them():
    net, x = rrn.Rational("gelu"), torch.randn(20)
    compiled = torch.compile(net, fullgraph=True)
    first = compiled(x)  # before a pass without it
    assert torch.allclose(first, net(x))
    assert torch.allclose(compiled(x), net(x))
    assert torch.allclose(torch.export.export(net, (x,)).module()(x), net(x))
    assert torch.allclose(torch.jit.trace(net, x)(x), net(x))
