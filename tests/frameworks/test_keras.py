"""`rrn.keras.Rational` is a layer as those of Keras: saved, loaded, copied, shared, frozen, trained, in any dtype."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest

import rrn.numpy
from rrn.keras import Rational

pytestmark = pytest.mark.slow  # of the compilers

BACKENDS = [name for name in ("torch", "jax", "tensorflow") if find_spec(name)]
X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")


def shared_model(**options):
    """One rational at two places, and another one of four groups; 24 weights in all."""
    act = Rational("tanh", version="B", name="act", **options)
    x = inputs = keras.Input((4,))
    for _ in range(2):
        x = act(keras.layers.Dense(4, kernel_initializer=keras.initializers.RandomNormal(seed=1))(x))
    x = Rational("gelu", (3, 2), groups=4, tail="linear")(x)
    return keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(x))


def trained(model):
    model.compile(keras.optimizers.SGD(0.01), "mse")
    model.fit(X, X[:, :1] * 2, batch_size=16, epochs=1, verbose=0, shuffle=False)
    return model


@pytest.fixture(scope="module")
def model():
    return trained(shared_model())


def act_of(model):
    return next(layer for layer in model.layers if layer.name == "act")


def outputs(model, x=X):
    return keras.ops.convert_to_numpy(model(x))


def start(**options):
    return Rational("tanh", version="B", **options).coefficients()


@pytest.mark.parametrize(
    "options",
    [
        {"init": "swish", "preset": "wide"},
        {"init": "tanh", "version": "D", "seed": 3, "train_denominator": False, "trainable": False},
        {"init": np.sin, "degrees": (3, 2), "version": "C"},
        {"init": ([0.0, 1.0, 2.0], [0.5]), "degrees": (2, 1), "tail": "linear", "tail_range": (-1, 2)},
        {"init": (np.ones((2, 3)), np.ones((2, 1))), "degrees": (2, 1), "groups": 2, "axis": 1, "dtype": "float64"},
    ],
    ids=["name", "D", "callable", "coefficients", "rows"],
)
def test_a_layer_of_its_configuration_is_the_same(options):
    layer = Rational(**options)
    config = keras.saving.serialize_keras_object(layer)
    assert config["registered_name"] == "rrn>Rational"
    twin = keras.saving.deserialize_keras_object(config)
    assert twin.get_config() == layer.get_config()
    assert all(map(np.array_equal, twin.coefficients(), layer.coefficients()))
    assert [w.trainable for w in twin.weights] == [w.trainable for w in layer.weights]


def test_the_value_is_that_of_the_coefficients():
    for options in ({}, {"groups": 2}, {"version": "C", "tail": "linear"}, {"axis": 0, "groups": 4, "version": "N"}):
        layer = Rational("gelu", **options)
        form = layer.form
        expected = rrn.numpy.rational(X, *layer.coefficients(), form.version, form.axis, form.tail_range)
        assert np.allclose(outputs(layer), expected, rtol=1e-5, atol=1e-6)
        assert layer.compute_output_shape(X.shape) == X.shape


def test_fit_trains_the_coefficients_of_both_places(model):
    assert not any(np.array_equal(c, s) for c, s in zip(act_of(model).coefficients(), start(), strict=True))
    assert len(model.trainable_weights) == 10  # two pairs, and three dense layers


@pytest.mark.parametrize("way", ["save", "clone_model", "deepcopy"])
def test_a_copy_has_the_same_values_and_shares_as_the_model(model, way, tmp_path):
    if way == "save":
        model.save(tmp_path / "model.keras")
        twin = keras.models.load_model(tmp_path / "model.keras")
    elif way == "deepcopy":
        twin = copy.deepcopy(model)
    else:
        twin = keras.models.clone_model(model)
        assert np.array_equal(act_of(twin).coefficients()[0], start()[0])
        model.save_weights(tmp_path / "model.weights.h5")
        twin.load_weights(tmp_path / "model.weights.h5")
    assert np.array_equal(outputs(twin), outputs(model))
    assert len(twin.weights) == len(model.weights)
    act = act_of(twin)
    before = outputs(model)
    act.numerator.assign(act.numerator * 2)
    assert not np.allclose(outputs(twin), before)
    assert np.array_equal(outputs(model), before)


def test_a_copy_of_a_layer_is_its_own():
    layer = Rational("tanh", version="D", seed=1)
    twin = copy.deepcopy(layer)
    layer.numerator.assign(layer.numerator * 2)
    assert np.array_equal(twin.coefficients()[0] * 2, layer.coefficients()[0])
    assert twin.seed_generator is not layer.seed_generator


READ = """
import sys
import numpy as np
import rrn.keras, keras
model = keras.models.load_model(sys.argv[1])
np.save(sys.argv[2], keras.ops.convert_to_numpy(model(np.load(sys.argv[2]))))
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_another_process_reads_a_model_on_each_backend(model, backend, tmp_path):
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", X)
    environment = {**os.environ, "KERAS_BACKEND": backend}
    subprocess.run(
        [sys.executable, "-c", READ, tmp_path / "model.keras", tmp_path / "x.npy"], check=True, env=environment
    )
    assert np.allclose(np.load(tmp_path / "x.npy"), outputs(model), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("inputs", [[keras.Input((4,))], []], ids=["built at once", "built when called"])
def test_a_sequential_that_has_it_twice_is_refused(inputs):
    """Keras saves such a model with one place fewer, without a word."""
    act = Rational()
    with pytest.raises(ValueError, match=r"expected the layer .* once in the Sequential .* functional API"):
        keras.Sequential([*inputs, act, keras.layers.Dense(4), act])(X)


def test_a_sequential_of_several_is_reloaded(tmp_path):
    layers = [Rational("gelu"), keras.layers.Dense(4), Rational("tanh", groups=2), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.save(tmp_path / "model.keras")
    twin = keras.models.load_model(tmp_path / "model.keras")
    assert len(twin.layers) == 4
    assert np.array_equal(outputs(twin), outputs(model))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"version": "B"}, r"of version A, degrees \(5, 4\), groups 1, got those of version B"),
        ({"init": (range(6), range(3)), "degrees": (5, 3)}, r"degrees \(5, 3\)"),
        ({"groups": 2}, "groups 2"),
        ({"tail": "linear"}, r"groups 1, linear tails outside \[-3, 3\]"),
        (None, "another kind of layer"),
    ],
)
def test_coefficients_of_another_form_are_refused(options, words, tmp_path):
    stored = keras.layers.Dense(4) if options is None else Rational(**options)
    keras.Sequential([keras.Input((4,)), stored]).save_weights(tmp_path / "model.weights.h5")
    store = {}
    stored.save_own_variables(store)
    layer = Rational()
    with pytest.raises(ValueError, match=words):
        layer.load_own_variables(store)
    if options is not None:
        model = keras.Sequential([keras.Input((4,)), layer])
        with pytest.raises(ValueError, match="rational"):
            model.load_weights(tmp_path / "model.weights.h5")
    assert np.array_equal(layer.coefficients()[0], Rational().coefficients()[0])


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16", "bfloat16", "float32"])
def test_coefficients_and_arithmetic_are_of_float32(dtype):
    layer = Rational("gelu", dtype=dtype)
    y = layer(X)
    compute = dtype.removeprefix("mixed_")
    assert keras.backend.standardize_dtype(y.dtype) == compute == layer.compute_output_spec(keras.Input((4,))).dtype
    assert {w.dtype for w in layer.weights} == {"float32"}
    x = keras.ops.convert_to_numpy(keras.ops.cast(keras.ops.cast(X, compute), "float32"))
    unit = {"bfloat16": 2.0**-8, "float16": 2.0**-11, "float32": 1e-5}[compute]
    found = keras.ops.convert_to_numpy(keras.ops.cast(y, "float32"))
    assert np.allclose(found, rrn.numpy.rational(x, *layer.coefficients()), rtol=unit * 1.01, atol=1e-6)


def test_a_model_trains_in_mixed_precision(tmp_path):
    model = trained(shared_model(dtype="mixed_bfloat16"))
    assert not np.allclose(act_of(model).coefficients()[0], start()[0], atol=1e-5)
    model.save(tmp_path / "model.keras")
    assert act_of(keras.models.load_model(tmp_path / "model.keras")).compute_dtype == "bfloat16"


def test_version_d_has_the_noise_of_its_seed_in_training_alone():
    layer, twin = (Rational("tanh", version="D", seed=5) for _ in range(2))
    calm = outputs(layer)
    assert np.allclose(calm, outputs(Rational("tanh", version="B")))
    drawn = [keras.ops.convert_to_numpy(layer(X, training=True)) for _ in range(20)]
    assert not np.allclose(drawn[0], drawn[1])
    assert np.array_equal(drawn[0], keras.ops.convert_to_numpy(twin(X, training=True)))
    at_zero = [keras.ops.convert_to_numpy(layer(np.zeros((1, 1)), training=True)).item() for _ in range(30)]
    factors = np.array(at_zero) / outputs(layer, np.zeros((1, 1))).item()
    assert factors.min() < 0.95
    assert factors.max() > 1.05
    assert (np.abs(factors - 1) <= 0.1 + 1e-6).all()


def test_each_coefficient_and_each_training_step_has_noise_of_its_own():
    layer = Rational(([1.0, 1.0], [0.0]), (1, 1), "D", groups=2, seed=0)
    x = np.zeros((8, 2), dtype="float32")
    y = keras.ops.convert_to_numpy(layer(x, training=True))
    assert (y == y[0]).all()  # one number for all elements of a group
    assert y[0, 0] != y[0, 1]
    model = keras.Sequential([keras.Input((2,)), layer])
    model.compile("sgd", "mse")
    losses = [model.train_on_batch(x, x) for _ in range(3)]
    assert len(set(map(float, losses))) == 3


@pytest.mark.parametrize(
    ("options", "trains"),
    [
        ({}, [True, True]),
        ({"trainable": False}, [False, False]),
        ({"train_numerator": False}, [False, True]),
        ({"train_denominator": False}, [True, False]),
    ],
)
def test_frozen_parts_stay_as_they_are(options, trains):
    layer, start = Rational("gelu", **options), Rational("gelu").coefficients()
    trained(keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(1)]))
    assert [not np.array_equal(c, s) for c, s in zip(layer.coefficients(), start, strict=True)] == trains
    assert len(layer.trainable_weights) == sum(trains)
    layer.trainable = False
    assert not layer.trainable_weights
    layer.trainable = True
    assert len(layer.trainable_weights) == (sum(trains) or 2)


def test_a_file_is_read_whatever_part_was_frozen(tmp_path):
    models = [keras.Sequential([keras.Input((4,)), Rational("gelu", train_numerator=t)]) for t in (True, False)]
    models[0].layers[0].numerator.assign(models[0].layers[0].numerator * 2)
    models[0].save_weights(tmp_path / "model.weights.h5")
    models[1].load_weights(tmp_path / "model.weights.h5")
    assert np.array_equal(outputs(models[0]), outputs(models[1]))


def test_an_input_that_does_not_go_into_the_groups_is_refused():
    with pytest.raises(ValueError, match="whose axis -1 is a multiple of groups=3"):
        Rational(groups=3)(X)


def test_whole_numbers_become_the_compute_dtype():
    assert np.allclose(outputs(Rational("tanh"), np.arange(-3, 4)), outputs(Rational("tanh"), np.arange(-3.0, 4)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "words"), [("tensorflow", "is not installed: pip install"), ("numpy", "got numpy")]
)
def test_a_backend_that_cannot_be_used_is_a_sentence(backend, words):
    if backend in BACKENDS:
        pytest.skip(f"{backend} is installed")
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, "-c", "import rrn.keras"], env=environment, capture_output=True, text=True)
    assert "UserError: " in done.stderr
    assert "KERAS_BACKEND" in done.stderr
    assert words in done.stderr or "is not installed" in done.stderr  # JAX, which that of NumPy imports
