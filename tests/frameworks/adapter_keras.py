"""Rationals of Keras on the backend of this process, for the tests of all frameworks."""

from __future__ import annotations

from contextlib import nullcontext
from functools import wraps

import keras
import numpy as np
from adapters import Framework

import rrn.keras

BACKEND = keras.backend.backend()
if BACKEND == "jax":
    import jax
    from adapter_jax import enable_x64


def in_float64(function):
    """Let JAX have float64 within a function; other backends always have it."""

    @wraps(function)
    def run(*arguments, **options):
        with enable_x64(True) if BACKEND == "jax" else nullcontext():
            return function(*arguments, **options)

    return run


class Adapter(Framework):
    name = f"keras on {BACKEND}"
    dtypes = Framework.dtypes[1:] if BACKEND == "jax" else Framework.dtypes  # adapter_jax.py has float64 of JAX
    denormals = BACKEND == "torch"
    second = True

    @in_float64
    def rational(self, x, a, b, version, axis=1, tail_range=None, dtype=None):
        x = keras.ops.convert_to_tensor(x)
        y = rrn.keras.rational(keras.ops.cast(x, dtype) if dtype else x, a, b, version, axis, tail_range)
        return keras.ops.convert_to_numpy(keras.ops.cast(y, "float32") if dtype == "bfloat16" else y)

    @in_float64
    def gradients(self, grad, x, a, b, version, axis=1, tail_range=None):
        return arrays(
            derivatives(lambda *given: rrn.keras.rational(*given, version, axis, tail_range), grad, *tensors(x, a, b))
        )

    @in_float64
    def second_derivative(self, x, a, b, version):
        x, a, b = tensors(x, a, b)
        ones = keras.ops.ones_like(x)

        def slope(x):
            return derivatives(lambda x: rrn.keras.rational(x, a, b, version), ones, x)[0] ** 2

        return arrays(derivatives(slope, ones, x))[0]


def tensors(*given):
    return [keras.ops.convert_to_tensor(c) for c in given]


def arrays(given):
    return [np.asarray(keras.ops.convert_to_numpy(c)) for c in given]


def derivatives(function, grad, *given):
    """Gradients of sum(grad function(given)) w.r.t. each of the tensors, in the way of the backend."""
    grad = keras.ops.convert_to_tensor(grad)
    if BACKEND == "jax":
        return jax.vjp(function, *given)[1](grad)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(given)
            y = function(*given)
        return tape.gradient(y, given, grad)
    import torch

    given = [c if c.requires_grad else c.requires_grad_() for c in given]
    return torch.autograd.grad(function(*given), given, grad, create_graph=True)
