"""Train a Keras model with a shared rational and one of its own, save it, and load it on other backends.

KERAS_BACKEND=torch python examples/keras_model.py

Needs: the extra `keras`, and torch, JAX or TensorFlow; with two of them the model is read on the other one too.
"""

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np

BACKENDS = [name for name in ("torch", "jax", "tensorflow") if find_spec(name)]
os.environ.setdefault("KERAS_BACKEND", BACKENDS[0])  # Keras reads it once

import keras  # noqa: E402

from rrn.keras import Rational  # noqa: E402

X = np.random.default_rng(0).uniform(-2, 2, (1024, 2)).astype("float32")
Y = np.sin(3 * X[:, :1]) * X[:, 1:]


def build() -> keras.Model:
    """Two hidden layers share one rational; that of the third has a row of coefficients for each of two groups."""
    keras.utils.set_random_seed(0)
    shared, own = Rational("tanh", name="shared"), Rational("gelu", groups=2, name="own")
    x = inputs = keras.Input((2,))
    x = shared(keras.layers.Dense(32)(x))
    x = shared(keras.layers.Dense(32)(x))
    x = own(keras.layers.Dense(32)(x))
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def train() -> None:
    model = build()
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(X, Y, epochs=15, batch_size=64, verbose=0)
    print(f"error: {model.evaluate(X, Y, verbose=0):.4f}, of the mean {np.var(Y):.4f}")
    start = Rational("tanh").coefficients()[0]
    print(f"the shared numerator moved by {np.abs(model.get_layer('shared').coefficients()[0] - start).max():.3f}")
    model.save("wave.keras")
    np.save("predictions.npy", model.predict(X, verbose=0))


def load() -> None:
    model = keras.models.load_model("wave.keras", compile=False)  # optimisers are of one backend
    difference = np.abs(model.predict(X, verbose=0) - np.load("predictions.npy")).max()
    print(f"loaded on {keras.backend.backend()}: {len(model.weights)} weights, differs by {difference:.1e}")


if sys.argv[1:] == ["load"]:
    load()
else:
    train()
    for backend in BACKENDS:
        environment = {**os.environ, "KERAS_BACKEND": backend}
        print(subprocess.check_output([sys.executable, __file__, "load"], env=environment, text=True), end="")
