"""The small convolutional network of scripts/images/digits.py in torch, Flax, Keras and MXNet.

Each trainer takes arrays and returns the share of test images that the trained network labels right. All have two
convolutions of 3x3, the second with stride 2, an activation after each, and one linear layer; weights drawn as He et
al. (2015) do, biases 0; Adam with its usual constants; the same batches in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

CHANNELS, CLASSES = (16, 32), 10
EPOCHS, BATCH, RATE = 30, 64, 1e-3
RATIONALS = ("rational", "recurrent_rational")


@dataclass
class Data:
    """Images [N, 8, 8] with values from 0 to 1, and their labels [N]."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]

    def batches(self, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the batches of all epochs; a last one that is not full is left out."""
        random = np.random.default_rng(seed)
        for _ in range(EPOCHS):
            order = random.permutation(len(self.train[0]))
            for start in range(0, len(order) - BATCH + 1, BATCH):
                batch = order[start : start + BATCH]
                yield self.train[0][batch], self.train[1][batch]


def with_torch(data: Data, act: str, seed: int) -> float:
    """Train in torch."""
    import torch
    from torch import nn

    import rrn

    torch.manual_seed(seed)
    first = {"relu": nn.ReLU, "silu": nn.SiLU, "rational": rrn.Rational, "recurrent_rational": rrn.RecurrentRational}[
        act
    ]()
    second = first.again() if act == "recurrent_rational" else type(first)()
    c, d = CHANNELS
    layers = [nn.Conv2d(1, c, 3, padding=1), first, nn.Conv2d(c, d, 3, stride=2, padding=1), second, nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(d * 16, CLASSES))
    for layer in model:
        if hasattr(layer, "bias"):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    for x, y in data.batches(seed):
        loss = nn.functional.cross_entropy(model(torch.from_numpy(x)[:, None]), torch.from_numpy(y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        scores = model(torch.from_numpy(data.test[0])[:, None]).numpy()
    return _accuracy(scores, data)


def with_flax(data: Data, act: str, seed: int) -> float:
    """Train in Flax NNX."""
    import jax
    import jax.numpy as jnp
    import optax
    from flax import nnx

    from rrn.nnx import Rational

    class Network(nnx.Module):
        def __init__(self, rngs: nnx.Rngs):
            he, (c, d) = nnx.initializers.he_normal(), CHANNELS
            self.conv1 = nnx.Conv(1, c, (3, 3), padding=1, kernel_init=he, rngs=rngs)
            self.conv2 = nnx.Conv(c, d, (3, 3), strides=2, padding=1, kernel_init=he, rngs=rngs)
            self.head = nnx.Linear(d * 16, CLASSES, kernel_init=he, rngs=rngs)
            self.act1 = Rational() if act in RATIONALS else getattr(nnx, act)
            self.act2 = Rational() if act == "rational" else self.act1

        def __call__(self, x: jax.Array) -> jax.Array:
            x = self.act1(self.conv1(x[..., None]))
            x = self.act2(self.conv2(x))
            return self.head(x.reshape(len(x), -1))

    model = Network(nnx.Rngs(seed))
    optimizer = nnx.Optimizer(model, optax.adam(RATE), wrt=nnx.Param)

    @nnx.jit
    def step(model: Network, optimizer: nnx.Optimizer, x: jax.Array, y: jax.Array) -> None:
        def loss(model: Network) -> jax.Array:
            return optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()

        optimizer.update(model, nnx.grad(loss)(model))

    for x, y in data.batches(seed):
        step(model, optimizer, jnp.asarray(x), jnp.asarray(y))
    return _accuracy(np.asarray(model(jnp.asarray(data.test[0]))), data)


def with_keras(data: Data, act: str, seed: int) -> float:
    """Train in Keras, on the backend that is chosen."""
    import keras

    from rrn.keras import Rational

    keras.utils.set_random_seed(seed)
    first = Rational() if act in RATIONALS else keras.layers.Activation(act)
    second = Rational() if act == "rational" else first
    he, (c, d) = {"padding": "same", "kernel_initializer": "he_normal"}, CHANNELS
    x = inputs = keras.Input((8, 8, 1))
    x = first(keras.layers.Conv2D(c, 3, **he)(x))
    x = second(keras.layers.Conv2D(d, 3, strides=2, **he)(x))
    x = keras.layers.Dense(CLASSES, kernel_initializer="he_normal")(keras.layers.Flatten()(x))
    model = keras.Model(inputs, x)
    model.compile(keras.optimizers.Adam(RATE), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for x, y in data.batches(seed):
        model.train_on_batch(x[..., None], y)
    return _accuracy(model.predict(data.test[0][..., None], verbose=0), data)


def with_mxnet(data: Data, act: str, seed: int) -> float:
    """Train in MXNet's Gluon, hybridized."""
    import mxnet as mx
    from mxnet import autograd, gluon, nd

    from rrn.mxnet import Rational

    mx.random.seed(seed)
    first = (
        Rational() if act in RATIONALS else {"relu": lambda: gluon.nn.Activation("relu"), "silu": gluon.nn.Swish}[act]()
    )
    second = first if act == "recurrent_rational" else type(first)(*(["relu"] if act == "relu" else []))
    c, d = CHANNELS
    model = gluon.nn.HybridSequential()
    model.add(gluon.nn.Conv2D(c, 3, padding=1), first, gluon.nn.Conv2D(d, 3, strides=2, padding=1), second)
    model.add(gluon.nn.Flatten(), gluon.nn.Dense(CLASSES))
    model.initialize(mx.init.MSRAPrelu("in", 0))
    model.hybridize()
    trainer = gluon.Trainer(model.collect_params(), "adam", {"learning_rate": RATE})
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    for x, y in data.batches(seed):
        with autograd.record():
            error = loss(model(nd.array(x[:, None])), nd.array(y))
        error.backward()
        trainer.step(len(x))
    return _accuracy(model(nd.array(data.test[0][:, None])).asnumpy(), data)


def _accuracy(scores: np.ndarray, data: Data) -> float:
    return float((scores.argmax(1) == data.test[1]).mean())


TRAINERS = {"torch": with_torch, "flax": with_flax, "keras": with_keras, "mxnet": with_mxnet}
