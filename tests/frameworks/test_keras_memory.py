"""For the backward pass `rrn.keras.Rational` keeps its input alone, on each backend and with XLA."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from rrn.keras import Rational

pytestmark = pytest.mark.slow  # of the compilers

X = np.random.default_rng(0).normal(size=(512, 128)).astype("float32")
BACKEND = keras.backend.backend()


def kept_by_torch(x, layer):
    import torch

    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda c: kept.append(c) or c, lambda c: c):
        layer(torch.tensor(x, requires_grad=True))
    return kept


def kept_by_jax(x, layer):
    import jax

    weights = [w.value for w in layer.weights]
    return jax.tree.leaves(jax.vjp(lambda x, weights: layer.stateless_call(weights, [], x)[0], x, weights)[1])


@pytest.mark.skipif(BACKEND == "tensorflow", reason="TensorFlow does not tell")
def test_backward_keeps_the_input_alone():
    layer = Rational("gelu")
    layer(X)
    kept = {"torch": kept_by_torch, "jax": kept_by_jax}[BACKEND](X, layer)
    assert sum(c.nbytes for c in kept if c.nbytes > 1000) == X.nbytes


def gradients(tape, x, layers):
    """Those of a chain, in which each has the output of the one before as its input."""
    tape.watch(x)
    y = x
    for layer in layers:
        y = layer(y)
    return lambda: tape.gradient(y, [x, *(weight.value for layer in layers for weight in layer.weights)])


@pytest.mark.skipif(BACKEND != "tensorflow" or sys.platform != "linux", reason="of TensorFlow, read from /proc")
def test_a_tape_keeps_the_input_alone():
    import tensorflow as tf

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    def kept():
        """The arrays of the size of x that eight layers keep for their backward pass."""
        x, layers = tf.constant(np.tile(X, (16, 1))), [Rational("gelu") for _ in range(10)]
        with tf.GradientTape() as tape:
            gradients(tape, x, layers[:2])
            before = resident()
            gradients(tape, x, layers[2:])
            return (resident() - before) / (16 * X.nbytes)

    # the least of some, since the allocator may hold back more on a busy machine
    assert min(kept() for _ in range(5)) < 8 * 1.5


def most_in_use(program):
    """The most arrays of the size of X at once, in the order of a compiled program of XLA."""
    shape = re.escape(f"f32[{X.shape[0]},{X.shape[1]}]")
    lines = re.findall(
        r"^ *(?:ROOT )?%(\S+) = (.*?) ([\w-]+)\((.*)$", program[program.index("\nENTRY") :], re.MULTILINE
    )
    sizes = {name: len(re.findall(shape, kind)) for name, kind, op, _ in lines if op != "get-tuple-element"}
    parts = {name: re.findall(r"%([\w.-]+)", rest)[0] for name, _, op, rest in lines if op == "get-tuple-element"}
    last = {}
    for place, (name, _, _, rest) in enumerate(lines):
        for used in (name, *re.findall(r"%([\w.-]+)", rest)):
            last[parts.get(used, used)] = place
    born = {name: place for place, (name, *_) in enumerate(lines) if name in sizes}
    return max(sum(sizes[n] for n in sizes if born[n] <= place <= last[n]) for place in range(len(lines)))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of XLA on TensorFlow")
def test_xla_keeps_the_input_alone():
    import tensorflow as tf

    def compiled(layers):
        @tf.function(jit_compile=True)
        def both_passes(x):
            with tf.GradientTape() as tape:
                backward = gradients(tape, x, layers)
            return backward()

        return both_passes.experimental_get_compiler_ir(tf.constant(X))(stage="optimized_hlo")

    few, many = (most_in_use(compiled([Rational("gelu") for _ in range(count)])) for count in (2, 6))
    assert (many - few) / 4 < 1.5
