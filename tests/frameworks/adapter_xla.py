"""Rationals of Keras on TensorFlow compiled by XLA, as `fit` compiles them, for the tests of all frameworks."""

from __future__ import annotations

from functools import cache

import adapter_keras
import tensorflow as tf

import rrn.keras


class Adapter(adapter_keras.Adapter):
    name = "keras on tensorflow with XLA"
    second = False  # those of Keras on TensorFlow

    def rational(self, x, a, b, version, axis=1, tail_range=None, dtype=None):
        x = tf.cast(tf.convert_to_tensor(x), dtype or x.dtype)
        y = compiled(version, axis, tail_range)[0](x, tf.constant(a), tf.constant(b))
        return adapter_keras.arrays([tf.cast(y, tf.float32) if dtype == "bfloat16" else y])[0]

    def gradients(self, grad, x, a, b, version, axis=1, tail_range=None):
        return adapter_keras.arrays(compiled(version, axis, tail_range)[1](*adapter_keras.tensors(grad, x, a, b)))


@cache
def compiled(version, axis, tail_range):
    """R(x), and its gradients, as functions on tensors."""

    def rational(*given):
        return rrn.keras.rational(*given, version, axis, tail_range)

    def gradients(grad, *given):
        return adapter_keras.derivatives(rational, grad, *given)

    return [tf.function(function, jit_compile=True) for function in (rational, gradients)]
