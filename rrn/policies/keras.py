"""Policies as functional models of Keras, whose layers are Keras' own but for the rationals."""

from __future__ import annotations

from typing import Any

import keras

from rrn.convert import rational
from rrn.policies.layers import Activation, Affine, Policy


def build(read: Policy, last: bool) -> keras.Model:
    """Make the model; `last` is whether it takes pixels with channels last."""
    layers = keras.layers
    shape = (*read.pixels[1:], read.pixels[0]) if last and read.pixels else read.shape
    inputs = x = keras.Input(shape, dtype=read.dtype, name="observations")
    if read.pixels:
        x = layers.Rescaling(1 / read.scale)(x)
        if not last:
            x = layers.Permute((2, 3, 1))(layers.Reshape(read.pixels)(x))
    made: dict[str, Any] = {}
    weights: list[tuple[Any, Affine]] = []
    for layer in (*read.layers, *read.heads.values()):
        if isinstance(layer, Activation):
            if layer.owner not in made:
                made[layer.owner] = _activation(layer)
            x = made[layer.owner](x)
            continue
        if layer.kernel.ndim == 2 and len(x.shape) > 2:
            x = layers.Flatten(data_format="channels_last")(x)
        made[layer.name] = _affine(layer)
        weights.append((made[layer.name], layer))
        if layer.name not in read.heads:
            x = made[layer.name](x)
    outputs = [made[name](x) for name in read.heads]
    if read.support is not None:
        expectation = layers.Dense(1, use_bias=False, trainable=False, name="expectation")
        atoms = layers.Softmax()(layers.Reshape((-1, len(read.support)))(outputs[0]))
        outputs = [layers.Flatten()(expectation(atoms))]
        expectation.set_weights([read.support[:, None]])
    for layer, arrays in weights:
        layer.set_weights([arrays.kernel, arrays.bias])
    return keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0])


def _affine(layer: Affine) -> keras.layers.Layer:
    *kernel, _, outputs = layer.kernel.shape
    if not kernel:
        return keras.layers.Dense(outputs, name=layer.name)
    return keras.layers.Conv2D(outputs, kernel, layer.stride, data_format="channels_last", name=layer.name)


def _activation(layer: Activation) -> keras.layers.Layer:
    if layer.rational is not None:
        return rational(layer.rational, "keras", name=layer.name)
    if layer.function == "leaky_relu":
        return keras.layers.LeakyReLU(0.01, name=layer.name)  # torch's slope; that of Keras is another
    return keras.layers.Activation(layer.function, name=layer.name)
