"""Rationals of JAX, for the tests of all frameworks; in float64 where x is."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from adapters import Framework

from rrn.jax import rational

jax.config.update("jax_disable_most_optimizations", True)  # compiles faster
enable_x64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64


def to_numpy(array: jax.Array) -> np.ndarray:
    return np.asarray(array.astype(jnp.float32) if array.dtype == jnp.bfloat16 else array)


class Adapter(Framework):
    name = "jax"
    denormals = False
    second = True

    def rational(self, x, a, b, version, axis=1, tail_range=None, dtype=None):
        with enable_x64(True):
            return to_numpy(rational(jnp.asarray(x, dtype), a, b, version, axis, tail_range))

    def gradients(self, grad, x, a, b, version, axis=1, tail_range=None):
        with enable_x64(True):
            _, back = jax.vjp(lambda *arguments: rational(*arguments, version, axis, tail_range), x, a, b)
            return tuple(map(to_numpy, back(jnp.asarray(grad))))

    def second_derivative(self, x, a, b, version):
        with enable_x64(True):
            slope = jax.grad(lambda x: rational(x, a, b, version, 1).sum())
            return to_numpy(jax.grad(lambda x: (slope(x) ** 2).sum())(jnp.asarray(x)))
