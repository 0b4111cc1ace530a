"""R(x) in TensorFlow, with gradients of its own: those that TensorFlow would make of P / Q square Q.

Of tensors as large as x, only x is kept for backward, with XLA too. The gradients are plain operations, so that
TensorFlow can differentiate them again.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import tensorflow as tf

from rrn.frameworks.formula import Values, limit, sign

Tensor = Any
ON_CPU = not tf.config.list_physical_devices("GPU")  # whose products have 10 bits (TensorFloat-32)
OPERATIONS: Any = SimpleNamespace(  # for `Values`; the derivative of tf.abs is 0 at 0
    abs=lambda x: tf.where(x < 0, -x, x),
    divide=tf.divide,
    where=tf.where,
    maximum=tf.maximum,
    ones_like=tf.ones_like,
    log2=lambda x: tf.math.log(x) / math.log(2.0),
)


def rational(
    x: Tensor,
    numerator: Tensor,
    denominator: Tensor,
    version: str = "A",
    axis: int = -1,
    tail_range: tuple[float, float] | None = None,
) -> Tensor:
    """Evaluate R(x) = P(x) / Q(x) element by element for `rrn.keras.rational`, which checks the arguments.

    Args:
        x: input, any shape, of a float dtype.
        numerator: [G, n + 1], lowest power first.
        denominator: [G, m], or [G, m + 1] for version C, lowest power first.
        version: one of A, B, C, D, N; D is evaluated without its noise, as B.
        axis: for G > 1, the axis of x whose size is a multiple of G.
        tail_range: (low, high), outside of which R is continued by its tangents; None: R everywhere.

    Returns:
        R(x), with the shape and dtype of x. Arithmetic is float32 at least, and float64 for degrees above 5.
    """
    x, a, b = (tf.convert_to_tensor(c) for c in (x, numerator, denominator))  # no variables in a custom gradient
    groups, parts = a.shape[0], x
    if groups > 1:
        axis %= len(x.shape)
        sizes = tf.shape(x)
        inner = tf.reduce_prod(sizes[axis:]) // groups
        parts = tf.reshape(x, tf.stack([tf.reduce_prod(sizes[:axis]), groups, inner]))
    if tail_range is None:
        y = _rational(parts, a, b, version)
    else:
        low, high = (tf.constant(end, x.dtype) for end in tail_range)
        near = tf.where(parts < low, low, tf.where(parts > high, high, parts))
        below, above = _slopes(tail_range, a, b, version)
        beyond = tf.cast(parts - near, a.dtype)
        y = _rational(near, a, b, version) + tf.cast(tf.where(beyond < 0, below, above) * beyond, x.dtype)
    return tf.ensure_shape(tf.reshape(y, tf.shape(x)), x.shape) if groups > 1 else y


def _rational(x: Tensor, a: Tensor, b: Tensor, version: str) -> Tensor:
    """Evaluate R at x, [any shape] for G = 1, else [outer, G, inner]."""
    is_double = tf.float64 in (x.dtype, a.dtype, b.dtype) or max(a.shape[1] - 1, b.shape[1]) > 5
    dtype = tf.float64 if is_double else tf.float32

    def evaluate(*arrays: Tensor) -> Values:
        x, a, b = (tf.cast(c, dtype) for c in arrays)
        return _values(x, a, b, version)

    @tf.custom_gradient
    def function(x: Tensor, a: Tensor, b: Tensor):
        def backward(grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            values, grad = evaluate(_after(grad, x), a, b), tf.cast(grad, dtype)
            grad_a, grad_b = (
                tf.stack([_sum(grad * factor, c.shape[0]) for factor in values.powers(c.shape[1], of)], axis=-1)
                for c, of in ((a, "a"), (b, "b"))
            )
            grad_a, grad_b = (tf.cast(tf.reshape(g, c.shape), c.dtype) for g, c in ((grad_a, a), (grad_b, b)))
            if version == "A":
                grad_b *= sign(OPERATIONS, b)
            return tf.cast(grad * values.slope, x.dtype), grad_a, grad_b

        # without stop_gradient a tape keeps the values of each operation in here, though it does not use them
        return tf.cast(evaluate(*map(tf.stop_gradient, (x, a, b))).value, x.dtype), backward

    return function(x, a, b)


def _after(grad: Tensor, x: Tensor) -> Tensor:
    """Return x as if it depended on grad; else XLA keeps values of the forward pass, which backward computes again."""
    is_above = tf.reduce_any(tf.reshape(grad, [-1])[:1] > math.inf)  # False, which XLA does not know
    return x + tf.cast(is_above, x.dtype)


def _values(x: Tensor, a: Tensor, b: Tensor, version: str) -> Values:
    groups = a.shape[0]
    a, b = ([tf.reshape(row, [groups, 1] if groups > 1 else []) for row in tf.unstack(c, axis=1)] for c in (a, b))
    return Values(OPERATIONS, x, a, b, version, tf.stop_gradient(limit(OPERATIONS, a, b, x.dtype == tf.float64)))


def _sum(terms: Tensor, groups: int) -> Tensor:
    """Sum over all elements, to [], or for each group, to [G]."""
    if groups > 1:
        return tf.reduce_sum(terms, axis=(0, 2))
    if ON_CPU and len(terms.shape) > 1:  # XLA's sums take twice as long
        terms = tf.linalg.matvec(terms, tf.ones(tf.shape(terms)[-1:], terms.dtype))
    return tf.reduce_sum(terms)


def _slopes(ends: tuple[float, float], a: Tensor, b: Tensor, version: str) -> tuple[Tensor, Tensor]:
    """Compute R'(x) at both ends, each [] or [G, 1]."""
    shape = [a.shape[0], 1] if a.shape[0] > 1 else []
    low, high = (_values(tf.fill(shape, tf.constant(end, a.dtype)), a, b, version).slope for end in ends)
    return low, high
