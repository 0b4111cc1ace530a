"""Policies as modules of Flax NNX."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from rrn.convert import rational
from rrn.policies.layers import Activation, Affine, Policy

FUNCTIONS: dict[str, Callable] = {
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "silu": jax.nn.silu,
    "tanh": jnp.tanh,
    "gelu": partial(jax.nn.gelu, approximate=False),
}


class PolicyModule(nnx.Module):
    """A policy with its layers as attributes: conv1, act1, ..., and q, or policy and value."""

    def __init__(self, read: Policy, last: bool):
        self.pixels, self.scale, self.channels_last = read.pixels, read.scale, last
        self.order = tuple(layer.name for layer in read.layers)
        self.last_layers = tuple(read.heads)
        self.support = None if read.support is None else tuple(read.support.tolist())
        for layer in read.layers:
            if isinstance(layer, Affine):
                module = _affine(layer)
            elif layer.owner != layer.name:
                module = getattr(self, layer.owner)
            else:
                module = _activation(layer)
            setattr(self, layer.name, module)
        for name, head in read.heads.items():
            setattr(self, name, _affine(head))

    def __call__(self, observations: Any) -> Any:
        """Compute Q-values [N, actions], or logits [N, actions] and values [N, 1]."""
        x = jnp.asarray(observations, jnp.float32) / self.scale
        if self.pixels and not self.channels_last:
            x = x.reshape(len(x), *self.pixels).transpose(0, 2, 3, 1)
        for name in self.order:
            layer = getattr(self, name)
            if isinstance(layer, nnx.Linear):
                x = x.reshape(len(x), -1)
            x = layer(x)
        outputs = tuple(getattr(self, name)(x) for name in self.last_layers)
        if len(outputs) > 1:
            return outputs
        if self.support is None:
            return outputs[0]
        atoms = outputs[0].reshape(len(x), -1, len(self.support))
        return jax.nn.softmax(atoms, -1) @ jnp.array(self.support)


def build(read: Policy, last: bool) -> PolicyModule:
    """Make the module; `last` is whether it takes pixels with channels last."""
    return PolicyModule(read, last)


def _affine(layer: Affine) -> nnx.Module:
    def init(values: np.ndarray) -> Callable:
        return lambda *_, **__: jnp.asarray(values)

    *kernel, inputs, outputs = layer.kernel.shape
    options: dict[str, Any] = {"kernel_init": init(layer.kernel), "bias_init": init(layer.bias), "rngs": nnx.Rngs(0)}
    if not kernel:
        return nnx.Linear(inputs, outputs, **options)
    return nnx.Conv(inputs, outputs, kernel, layer.stride, padding="VALID", **options)


def _activation(layer: Activation) -> Any:
    return FUNCTIONS[layer.function] if layer.rational is None else rational(layer.rational, "nnx")
