"""On each backend, TensorFlow without torch too: a model that torch has saved, and policies from arrays."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import rrn.keras
import rrn.numpy
from rrn.convert import coefficients
from rrn.policies.keras import build
from rrn.policies.layers import Activation, Affine, Policy

pytestmark = pytest.mark.slow  # of the compilers

DATA = Path(__file__).parents[1] / "data/keras"
RANDOM = np.random.default_rng(0)
ACT = rrn.numpy.Rational("tanh", version="B")  # recurrent, at two places
OWN = rrn.numpy.Rational("gelu", groups=2, tail="linear", tail_range=(-2.0, 1.5))  # rows are along the axis of channels


def test_a_model_that_torch_saved_has_its_predictions():
    """The trained model of examples/keras_model.py, saved without its optimiser by Keras 3.10.0 on torch 2.13.0."""
    model = keras.models.load_model(DATA / "from_torch.keras", compile=False)
    x = np.random.default_rng(0).uniform(-2, 2, (1024, 2)).astype("float32")[:32]
    assert np.allclose(keras.ops.convert_to_numpy(model(x)), np.load(DATA / "predictions.npy"), atol=1e-5)
    assert len(model.weights) == 12  # two pairs, of which one is shared, and four dense layers


def affine(name, *shape, stride=1):
    scale = 2 / np.sqrt(np.prod(shape[:-1]))
    kernel, bias = (RANDOM.normal(size=size).astype(np.float32) for size in (shape, shape[-1:]))
    return Affine(name, kernel * scale, bias * 0.1, stride)


def rational(name, owner, act):
    return Activation(name, owner, coefficients(act))


POLICIES = {
    "vectors": Policy(
        (1, 4), None, 1.0, "float32",
        (affine("fc1", 4, 16), rational("act1", "act1", ACT), affine("fc2", 16, 16), rational("act2", "act1", ACT)),
        {"q": affine("q", 16, 3)}, None,
    ),
    "pixels": Policy(
        (2, 9, 9), (2, 9, 9), 255.0, "uint8",
        (affine("conv1", 3, 3, 2, 4, stride=2), rational("act1", "act1", OWN), affine("fc1", 64, 8),
         Activation("act2", "act2", None, "leaky_relu")),
        {"policy": affine("policy", 8, 3), "value": affine("value", 8, 1)}, None,
    ),
}  # fmt: skip


def by_numpy(read, x, last):
    """Outputs of a policy by the formulas of its layers."""
    x = x.astype(np.float64) / read.scale
    if read.pixels and not last:
        x = x.transpose(0, 2, 3, 1)
    for layer in read.layers:
        if isinstance(layer, Activation) and layer.rational:
            given = layer.rational
            rows = given["numerator"], given["denominator"]
            x = rrn.numpy.rational(x, *rows, given["version"], -1, given["tail_range"])
        elif isinstance(layer, Activation):
            x = np.where(x > 0, x, 0.01 * x)
        elif layer.kernel.ndim == 4:
            windows = np.lib.stride_tricks.sliding_window_view(x, layer.kernel.shape[:2], (1, 2))
            windows = windows[:, :: layer.stride, :: layer.stride]  # [N, height, width, inputs, *kernel]
            x = np.einsum("nhwcij,ijco->nhwo", windows, layer.kernel) + layer.bias
        else:
            x = x.reshape(len(x), -1) @ layer.kernel + layer.bias
    return [x @ head.kernel + head.bias for head in read.heads.values()]


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_acts_as_its_layers_say(name, last):
    read = POLICIES[name]
    shape = (read.shape[1:] + read.shape[:1]) if last and read.pixels else read.shape
    x = np.random.default_rng(1).normal(size=(50, *shape)).astype(np.float32)
    x = np.where(x > 0.5, 255, 0).astype(np.uint8) if read.dtype == "uint8" else x
    outputs = build(read, last)(x)
    found = [keras.ops.convert_to_numpy(y) for y in (outputs if isinstance(outputs, list | tuple) else [outputs])]
    expected = by_numpy(read, x, last)
    assert all(np.allclose(y, e, atol=1e-4) for y, e in zip(found, expected, strict=True))
    assert np.array_equal(found[0].argmax(-1), expected[0].argmax(-1))
    assert len(np.unique(expected[0].argmax(-1))) > 1
