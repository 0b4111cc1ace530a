"""The Gluon block: hybridized, exported, saved, shared, noisy, frozen and trained; and what it says of mistakes."""

from __future__ import annotations

import importlib
import runpy
from pathlib import Path

import numpy as np
import pytest

import rrn.numpy
from rrn.activations.fitting.formula import VERSIONS

ROOT = Path(__file__).parents[2]


mx = pytest.importorskip("mxnet")
Rational = importlib.import_module("rrn.mxnet").Rational
nn, autograd = mx.gluon.nn, mx.autograd


@pytest.fixture(autouse=True)
def seed():
    mx.random.seed(0)


def network(*activations, batch=None):
    """Convolutions and dense layers with these activations between them, and a batch of inputs."""
    net, last = nn.HybridSequential(), len(activations) - 1
    with net.name_scope():
        for place, activation in enumerate(activations):
            net.add(nn.Conv2D(8, 3) if place < last else nn.Dense(8), activation)
        net.add(nn.Dense(2))
    net.initialize(mx.init.Xavier())
    return net, mx.nd.random.normal(shape=(4, 3, 9, 9))


def step(net, x, without="nothing"):
    """The output in training and all gradients, but for parameters with a word in their names."""
    x.attach_grad()
    with autograd.record():
        y = net(x)
    y.backward()
    learned = [p for p in net.collect_params().values() if p.grad_req != "null" and without not in p.name]
    return [y.asnumpy(), x.grad.asnumpy(), *(p.grad().asnumpy() for p in learned)]


def close(first, second, most=1e-5):
    return all(np.allclose(p, q, rtol=most, atol=most) for p, q in zip(first, second, strict=True))


@pytest.mark.parametrize("static", [False, True])
def test_a_hybridized_network_is_equal(static):
    net, x = network(Rational("tanh"), Rational(groups=4, version="B"), Rational("gelu", tail="linear"))
    expected = step(net, x)
    net.hybridize(static_alloc=static, static_shape=static)
    for _ in range(2):
        assert close(step(net, x), expected)


@pytest.mark.parametrize("hybridized", [False, True])
def test_a_convolution_before_and_after_does_no_harm(hybridized):
    """MXNet frees its copies of inputs and gradients in oneDNN's layout too early; 32 bytes of them change then."""
    act = Rational("tanh")
    net, x = network(act, act, act)
    net.hybridize(hybridized)
    twin = nn.HybridSequential()
    for layer in net:
        twin.add(Formula(act) if layer is act else layer)
    expected = step(twin, x, "rational")
    assert sum(not close(step(net, x, "rational"), expected, 1e-4) for _ in range(40)) == 0


class Formula(nn.HybridBlock):
    """The same function by operators of MXNet, which differentiates them."""

    def __init__(self, act):
        super().__init__()
        self.act = act

    def hybrid_forward(self, F, x):
        x = x * 1
        (a,), (b,) = (c.data().asnumpy() for c in (self.act.numerator, self.act.denominator))
        p = sum(float(c) * x**i for i, c in enumerate(a))
        return p / (1 + sum(F.abs(float(c) * x ** (i + 1)) for i, c in enumerate(b))) * 1


@pytest.mark.parametrize("options", [{}, {"version": "D"}, {"groups": 4, "tail": "linear", "tail_range": (-1.0, 2.5)}])
def test_an_export_is_read_as_a_symbol_block(tmp_path, options):
    net, x = network(Rational("tanh", **options), Rational("tanh", **options))
    net.hybridize()
    expected = net(x).asnumpy()
    net.export(str(tmp_path / "net"))
    read = mx.gluon.SymbolBlock.imports(str(tmp_path / "net-symbol.json"), ["data"], str(tmp_path / "net-0000.params"))
    assert np.array_equal(read(x).asnumpy(), expected)
    assert options.get("version") == "D" or close(step(read, x)[:2], step(net, x)[:2])


def test_one_block_at_several_places_is_one_pair_of_parameters(tmp_path):
    def model():
        act = Rational("tanh")
        return network(act, act, act)

    (net, x), (other, _) = model(), model()
    names = [name for name in net.collect_params() if "rational" in name]
    assert len(names) == 2
    step(net, x)
    mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1}).step(1)
    net.save_parameters(str(tmp_path / "net.params"))
    other(x)
    other.load_parameters(str(tmp_path / "net.params"))
    assert np.array_equal(other(x).asnumpy(), net(x).asnumpy())
    assert other[1] is other[3] is other[5]
    assert close(other[1].coefficients(), net[1].coefficients(), 0)
    assert not close(net[1].coefficients(), Rational("tanh").form.start("tanh"), 1e-4)  # they were trained


def test_params_share_coefficients_between_blocks():
    first = Rational("tanh")
    second = Rational("tanh", params=first.params)
    first.initialize()
    assert second.numerator is first.numerator
    assert second.denominator is first.denominator


@pytest.mark.parametrize("hybridized", [False, True])
def test_version_d_draws_its_noise_in_training_alone(hybridized):
    """U(0.9, 1.1) for each coefficient, from MXNet's generator; a graph is made once and follows the mode."""
    act, x = Rational(((0.0, 1.0), (0.0,)), (1, 1), "D", groups=2000), mx.nd.ones((1, 2000))
    act.initialize()
    act.hybridize(hybridized)
    draws = []
    for seed in (1, 2, 1):
        mx.random.seed(seed)
        with autograd.record():
            draws.append(act(x).asnumpy())
        with autograd.record(train_mode=False):
            assert (act(x).asnumpy() == 1).all()
        assert (act(x).asnumpy() == 1).all()
    assert np.array_equal(draws[0], draws[2])
    assert not np.array_equal(draws[0], draws[1])
    assert 0.9 <= draws[0].min() < 0.901
    assert 1.099 < draws[0].max() <= 1.1
    assert abs(draws[0].std() - 0.2 / np.sqrt(12)) < 0.003


@pytest.mark.parametrize(
    ("options", "trained"),
    [({}, [1, 1]), ({"train_numerator": False}, [0, 1]), ({"train_denominator": False}, [1, 0]),
     ({"trainable": False}, [0, 0])],
)  # fmt: skip
def test_a_trainer_trains_what_is_not_frozen(options, trained):
    net, x = network(Rational("tanh"), Rational("tanh", **options))
    before = net[3].form.start("tanh")
    trainer = mx.gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.01})
    losses = []
    for _ in range(20):
        with autograd.record():
            loss = ((net(x) - 1) ** 2).mean()
        loss.backward()
        trainer.step(1)
        losses.append(loss.asscalar())
    assert losses[-1] < 0.5 * losses[0]
    moved = [abs(p - q).max() > 1e-3 for p, q in zip(net[3].coefficients(), before, strict=True)]
    assert moved == [bool(part) for part in trained]


def test_gradients_are_added_where_asked():
    act, x = Rational("tanh"), mx.nd.random.normal(shape=(3, 4))
    act.initialize()
    once = step(act, x)[1:]
    for parameter in act.collect_params().values():
        parameter.grad_req = "add"
    x.attach_grad("add")
    for _ in range(2):
        with autograd.record():
            y = act(x)
        y.backward()
    twice = [c.grad.asnumpy() if c is x else c.grad().asnumpy() for c in (x, act.numerator, act.denominator)]
    assert close(twice, [2 * c for c in once])


def test_a_cast_keeps_the_coefficients():
    act = Rational("tanh", groups=3, axis=-1)
    act.initialize()
    act.cast("float16")
    x = mx.nd.array(np.linspace(-3, 3, 12).reshape(2, 6), dtype="float16")
    for hybridized in (False, True):
        act.hybridize(hybridized)
        y, by_x, by_a, _ = step(act, x)
        assert (y.dtype, by_x.dtype, by_a.dtype) == (np.float16, np.float16, np.float32)
        assert np.array_equal(y, rrn.numpy.rational(x.asnumpy(), *act.coefficients(), "A", -1))


def row(version):
    """Coefficients for two groups, of degrees (2, 2)."""
    return np.arange(6.0).reshape(2, 3), np.ones((2, 3 if version == "C" else 2))


@pytest.mark.parametrize(
    ("version", "init", "options"),
    [(version, "gelu", {"preset": "wide"}) for version in VERSIONS]
    + [(version, row(version), {"groups": 2, "degrees": (2, 2)}) for version in "AC"]
    + [("A", lambda x: 2 * x / (1 + abs(x)), {"degrees": (1, 1)})],
)
def test_starts_as_those_of_numpy_do(version, init, options):
    """By name, preset, callable or rows of coefficients, one for each group."""
    act = Rational(init, version=version, dtype="float64", **options)
    act.initialize(mx.init.Zero())  # which is for parameters without a start of their own
    start = rrn.numpy.Rational(init, version=version, dtype=np.float64, **options)
    assert close(act.coefficients(), (start.numerator, start.denominator), 0)
    assert act.numerator.dtype == "float64"


def test_the_form_is_kept():
    form = Rational(degrees=(3, 2), version="B", groups=2, axis=-1, tail="linear").form
    assert (form.degrees, form.version, form.groups, form.axis, form.tail_range) == ((3, 2), "B", 2, -1, (-3.0, 3.0))


@pytest.mark.parametrize("hybridized", [False, True])
def test_arrays_with_the_interface_of_numpy(hybridized):
    act = Rational("tanh", version="D")
    act.initialize()
    act.hybridize(hybridized)
    x = np.linspace(-3, 3, 12).reshape(2, 6)
    expected = act(mx.nd.array(x)).asnumpy()
    with mx.util.np_shape(True), mx.util.np_array(True):
        again = Rational("tanh", version="D")
        again.initialize()
        again.hybridize(hybridized)
        given = mx.np.array(x, dtype="float32")
        given.attach_grad()
        with autograd.record():
            y = again(given)
        y.backward()
        assert isinstance(y, mx.np.ndarray)
        assert abs(given.grad.asnumpy()).min() > 0
        assert np.array_equal(again(given).asnumpy(), expected)


@pytest.mark.parametrize(
    ("hybridized", "message"), [(False, "is non-differentiable"), (True, "does not support higher order gradients")]
)
def test_a_second_derivative_is_refused(hybridized, message):
    act, x = Rational("tanh"), mx.nd.ones((2, 3))
    act.initialize()
    act.hybridize(hybridized)
    x.attach_grad()

    def second():
        with autograd.record():
            (slope,) = autograd.grad(act(x), x, create_graph=True)
            (slope**2).sum().backward()

    with pytest.raises(mx.MXNetError, match=message):
        second()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (lambda: mx.nd.ones((2, 3), dtype="int32"), "x: expected a dense NDArray of float16 or .* got one of int32"),
        (lambda: mx.nd.ones((2, 3)).tostype("csr"), "storage csr"),
        (lambda: mx.nd.ones((2, 3)), r"axis 1 is a multiple of groups=2, got shape \(2, 3\)"),
    ],
)  # fmt: skip
def test_other_inputs_are_refused_with_a_sentence(x, message):
    act = Rational(groups=2)
    act.initialize()
    with pytest.raises(ValueError, match=message):
        act(x())


def test_in_a_graph_mxnet_prints_the_sentence(capfd):
    act = Rational(groups=2)
    act.initialize()
    act.hybridize()
    with pytest.raises(mx.MXNetError):
        act(mx.nd.ones((2, 3)))
    assert "axis 1 is a multiple of groups=2, got shape (2, 3)" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [({"dtype": "float16"}, "dtype: expected float32 or float64, got float16"), ({"version": "E"}, "version: expected"),
     ({"init": "nonsense"}, "nonsense"), ({"groups": 0}, "groups: expected"), ({"tail": "linar"}, "tail: expected")],
)  # fmt: skip
def test_other_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Rational(**options)


def test_the_example(tmp_path, monkeypatch, capsys):
    path = ROOT / "examples/mxnet_export.py"
    assert len(path.read_text("utf-8").splitlines()) <= 60
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name="__main__")
    assert "Equal outputs: True" in capsys.readouterr().out
