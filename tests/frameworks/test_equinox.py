"""The module of Equinox: training, noise, frozen parts, saving, and what happens to shared ones."""

from __future__ import annotations

import numpy as np
import pytest

eqx = pytest.importorskip("equinox")
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

import rrn.numpy  # noqa: E402
from rrn.equinox import Rational  # noqa: E402

pytestmark = pytest.mark.slow  # of the compilers

X = jnp.linspace(-3, 3, 12)


class Net(eqx.Module):
    """One rational, called at two places."""

    layers: list
    act: Rational

    def __init__(self, **options):
        keys = jax.random.split(jax.random.key(0))
        self.layers = [eqx.nn.Linear(size, 4, key=key) for size, key in zip((12, 4), keys, strict=True)]
        self.act = Rational(**options)

    def __call__(self, x):
        for layer in self.layers:
            x = self.act(layer(x))
        return x.sum()


def test_value_is_that_of_numpy():
    act = Rational("tanh", (3, 2), "B", groups=4, tail="linear", tail_range=(-2, 2))
    expected = rrn.numpy.rational(X, *act.coefficients(), "B", 0, (-2, 2))
    assert np.allclose(act(X), expected, atol=1e-6)
    assert act(X.astype(jnp.bfloat16)).dtype == jnp.bfloat16
    assert [type(c) for c in act.coefficients()] == [np.ndarray] * 2


def test_gradients_reach_the_one_set_of_coefficients_and_frozen_parts_have_none():
    model = Net(train_denominator=False)
    grads = eqx.filter_jit(eqx.filter_grad(lambda m: m(X)))(model)
    assert np.abs(grads.act.numerator).max() > 0
    assert np.abs(grads.act.denominator).max() == 0
    assert len(jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))) == 6


def test_noise_of_version_d_is_drawn_in_training_alone():
    act = Rational("tanh", version="D")
    first, again, other = (act(X, key=jax.random.key(seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    exact = rrn.numpy.rational(X, *act.coefficients(), "D")
    assert np.allclose(eqx.nn.inference_mode(act)(X), exact, atol=1e-6)
    assert np.allclose(act(X, inference=True), exact, atol=1e-6)
    with pytest.raises(ValueError, match="expected a key for its noise"):
        act(X)


def test_a_saved_model_is_read_and_another_version_noticed(tmp_path):
    path = tmp_path / "model.eqx"
    model = eqx.tree_at(lambda m: m.act.numerator, Net(version="A"), replace_fn=lambda c: c * 2)
    eqx.tree_serialise_leaves(path, model)
    loaded = eqx.tree_deserialise_leaves(path, Net(version="A"))
    assert np.array_equal(loaded(X), model(X))
    with pytest.raises(ValueError, match="of version B, but those of version A"):
        eqx.tree_deserialise_leaves(path, Net(version="B"))(X)


def test_ensembles_and_a_set_for_each_neuron():
    act = eqx.filter_vmap(lambda _: Rational("tanh"))(jnp.arange(3))
    assert act.numerator.shape == (3, 1, 6)
    y = eqx.filter_vmap(lambda act, x: act(x), in_axes=(eqx.if_array(0), None))(act, X)
    assert np.allclose(y, jnp.tanh(X), atol=0.05)
    mlp = eqx.nn.MLP(2, 1, 4, 1, activation=Rational(), key=jax.random.key(0))
    assert mlp.activation.numerator.shape == (1, 4, 1, 6)
    assert np.isfinite(mlp(jnp.ones(2))).all()


def test_eqx_nn_shared_ties_two_fields():
    act = Rational()
    shared = eqx.nn.Shared((act, act), where=lambda pair: pair[1], get=lambda pair: pair[0])
    assert len(jax.tree.leaves(eqx.filter(shared, eqx.is_inexact_array))) == 2
    first, second = shared()
    assert np.array_equal(first.numerator, second.numerator)
