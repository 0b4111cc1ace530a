"""The modules of Flax, NNX and Linen: training, noise, frozen parts, one set at several places, saving."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest

pytest.importorskip("flax")
import jax
import jax.numpy as jnp
from flax import linen, nnx, serialization

import rrn.linen
import rrn.nnx
import rrn.numpy

pytestmark = pytest.mark.slow  # of the compilers

X = jnp.linspace(-3, 3, 24).reshape(2, 12)
OPTIONS = {"degrees": (3, 2), "version": "B", "groups": 4, "tail": "linear", "tail_range": (-2, 2)}


class Net(nnx.Module):
    """The same rational under two names."""

    def __init__(self, **options):
        rngs = nnx.Rngs(0)
        self.first, self.second = nnx.Linear(12, 4, rngs=rngs), nnx.Linear(4, 4, rngs=rngs)
        self.act = self.act_of_second = rrn.nnx.Rational(rngs=rngs, **options)

    def __call__(self, x):
        return self.act_of_second(self.second(self.act(self.first(x)))).sum()


class LinenNet(linen.Module):
    """One rational, called twice."""

    version: str = "A"

    @linen.compact
    def __call__(self, x):
        act = rrn.linen.Rational(version=self.version, train_denominator=False, name="act")
        return act(linen.Dense(4)(act(linen.Dense(4)(x)))).sum()


def doubled(model):
    nnx.update(model.act, {"numerator": model.act.numerator[...] * 2})
    return model


def test_nnx_value_is_that_of_numpy():
    act = rrn.nnx.Rational("tanh", **OPTIONS)
    assert np.allclose(act(X), rrn.numpy.rational(X, *act.coefficients(), "B", -1, (-2, 2)), atol=1e-6)
    half = rrn.nnx.Rational("tanh", dtype=jnp.bfloat16, param_dtype=jnp.float16)
    assert (half(X).dtype, half.coefficients()[0].dtype) == (jnp.bfloat16, np.float16)


def test_nnx_trains_one_set_at_two_places_and_leaves_frozen_parts_alone():
    optax = pytest.importorskip("optax")
    model = Net(train_denominator=False)
    optimizer = nnx.Optimizer(model, optax.adamw(1e-2, weight_decay=0.1), wrt=nnx.Param)

    takes_model = "model" in inspect.signature(optimizer.update).parameters  # not before Flax 0.11

    @nnx.jit
    def step(model, optimizer):
        grads = nnx.grad(lambda m: m(X))(model)
        optimizer.update(*[model] * takes_model, grads)

    (before, frozen), names = model.act.coefficients(), len(nnx.to_flat_state(nnx.state(model, nnx.Param)))
    step(model, optimizer)
    assert names == 5
    assert model.act_of_second is model.act
    assert not np.allclose(model.act.coefficients()[0], before)
    assert np.array_equal(model.act.coefficients()[1], frozen)


@pytest.mark.parametrize("copied", [nnx.clone, copy.deepcopy])
def test_nnx_copies_share_as_the_original_does(copied):
    model = Net()
    twin = copied(model)
    doubled(twin)
    assert twin.act_of_second is twin.act
    assert twin.act is not model.act
    assert np.array_equal(twin.act.coefficients()[0], 2 * model.act.coefficients()[0])


def test_nnx_state_is_saved_and_another_version_noticed(tmp_path):
    orbax = pytest.importorskip("orbax.checkpoint")
    model, other = doubled(Net(version="A")), Net(version="A")
    with orbax.StandardCheckpointer() as saver:
        saver.save(tmp_path / "state", nnx.to_pure_dict(nnx.state(model)))
        saver.wait_until_finished()
        nnx.update(other, saver.restore(tmp_path / "state", nnx.to_pure_dict(nnx.state(other))))
    assert np.array_equal(other(X), model(X))
    other = Net(version="B")
    nnx.update(other, nnx.state(model))
    with pytest.raises(ValueError, match="expected coefficients of Form"):
        other(X)


def test_nnx_noise_of_version_d_is_drawn_in_training_alone():
    act = rrn.nnx.Rational("tanh", version="D", rngs=nnx.Rngs(noise=0))
    assert not np.allclose(act(X), act(X))
    exact = rrn.numpy.rational(X, *act.coefficients(), "D")
    assert np.allclose(act(X, deterministic=True), exact, atol=1e-6)
    act.eval()
    assert np.allclose(act(X), exact, atol=1e-6)
    with pytest.raises(ValueError, match="expected rngs=nnx"):
        rrn.nnx.Rational(version="D")(X)


def test_linen_value_is_that_of_numpy():
    act = rrn.linen.Rational("tanh", **OPTIONS)
    variables = act.init(jax.random.key(0), X)
    y = act.apply(variables, X)
    assert np.allclose(y, rrn.numpy.rational(X, *act.bind(variables).coefficients(), "B", -1, (-2, 2)), atol=1e-6)
    half = rrn.linen.Rational("tanh", dtype=jnp.bfloat16, param_dtype=jnp.float16)
    y, variables = half.init_with_output(jax.random.key(0), X)
    assert (y.dtype, variables["params"]["numerator"].dtype) == (jnp.bfloat16, jnp.float16)


def test_linen_has_one_set_for_two_places_and_frozen_parts_apart():
    model = LinenNet()
    variables = model.init(jax.random.key(0), X)
    assert set(variables["params"]) == {"Dense_0", "Dense_1", "act"}
    assert set(variables["frozen"]["act"]) == {"denominator"}
    grads = jax.jit(jax.grad(lambda p: model.apply({**variables, "params": p}, X)))(variables["params"])
    assert np.abs(grads["act"]["numerator"]).max() > 0
    again = serialization.from_bytes(jax.tree.map(jnp.zeros_like, variables), serialization.to_bytes(variables))
    assert np.array_equal(model.apply(again, X), model.apply(variables, X))
    with pytest.raises(Exception, match="shape"):
        rrn.linen.Rational(version="C").apply({"params": rrn.linen.Rational().init(jax.random.key(0), X)["params"]}, X)


def test_linen_noise_of_version_d_is_drawn_in_training_alone():
    act = rrn.linen.Rational("tanh", version="D", deterministic=False)
    variables = rrn.linen.Rational("tanh", version="D", deterministic=True).init(jax.random.key(0), X)
    first, other = (act.apply(variables, X, rngs={"noise": jax.random.key(seed)}) for seed in (0, 1))
    assert not np.allclose(first, other)
    exact = rrn.numpy.rational(X, *act.bind(variables).coefficients(), "D")
    off = rrn.linen.Rational("tanh", version="D")
    assert np.allclose(off.apply(variables, X, deterministic=True), exact, atol=1e-6)
