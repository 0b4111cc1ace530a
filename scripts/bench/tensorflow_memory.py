"""Memory of a chain of rationals of Keras on TensorFlow, beside Keras' own leaky ReLU, in sizes of the input for each.

python scripts/bench/tensorflow_memory.py

"eager" is what is kept between the forward and the backward pass under `tf.GradientTape`; "xla" is the peak of a
function of both passes with `jit_compile=True`, as `fit` compiles it, whose backward pass also needs arrays of its own.
Each is the difference between chains of ten and of two, each in a process of its own. Linux.
"""

from __future__ import annotations

import os
import resource
from multiprocessing import get_context
from pathlib import Path

os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="2")

COUNTS = 2, 10  # what two need is paid by any chain
ROWS, COLUMNS = 31_250, 128  # 4,000,000 elements


def measured(name: str, count: int, compiled: bool) -> tuple[int, int]:
    """Return the bytes in use after the forward pass, and the peak of both passes, beyond those of the start."""
    import keras
    import numpy as np
    import tensorflow as tf

    from rrn.keras import Rational

    layers = [Rational() if name == "rational" else keras.layers.LeakyReLU(0.01) for _ in range(count)]
    weights = [weight.value for layer in layers for weight in layer.weights]
    in_use: list[int] = []

    def both_passes(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x
            for layer in layers:
                y = layer(y)
        if not compiled:
            in_use.append(resident())
        return tape.gradient(y, [x, *weights])

    function = tf.function(both_passes, jit_compile=True) if compiled else both_passes
    function(tf.zeros((1, COLUMNS)))  # what the first call makes
    x = tf.constant(np.random.default_rng(0).normal(size=(ROWS, COLUMNS)), tf.float32)
    before, in_use = resident(), []
    function(x)
    return (in_use or [before])[0] - before, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    for compiled in (False, True):
        for name in ("leaky ReLU", "rational"):
            found = []
            for count in COUNTS:
                with get_context("spawn").Pool(1) as pool:
                    found.append(pool.apply(measured, (name, count, compiled)))
            each = (COUNTS[1] - COUNTS[0]) * 4 * ROWS * COLUMNS
            kept, peak = ((many - few) / each for few, many in zip(*found, strict=True))
            numbers = f"peak {peak:.2f}" if compiled else f"kept {kept:.2f}, peak {peak:.2f}"
            print(f"{'xla' if compiled else 'eager':6}{name:12}{numbers}", flush=True)


if __name__ == "__main__":
    main()
