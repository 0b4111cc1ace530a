"""How long a rational takes in each framework, as a ratio to the framework's own leaky ReLU.

    python scripts/bench/frameworks.py                       # those that are installed, each in a process of its own
    python scripts/bench/frameworks.py jax --elements 409600

All candidates of a row run in turn, over and over, in one process on one core, each turn beginning with the next of
them; times are process times. A ratio is the median of the ratios to leaky ReLU within a turn, with the quartiles.
"backward" is forward and backward with the gradients of the input and of the coefficients. "naive" is P / Q by
Horner's rule, differentiated by the framework.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import numpy as np

from rrn.activations.fitting.presets import initial_coefficients

Runs = dict[str, dict[str, Callable[[], object]]]  # by pass, then by candidate; the first is leaky ReLU
A, B = (np.array([c], dtype=np.float32) for c in initial_coefficients("leaky_relu", (5, 4), "A"))


def with_numpy(x: np.ndarray) -> Runs:
    from rrn.numpy import rational

    return {
        "forward": {
            "leaky_relu": lambda: np.maximum(x, np.float32(0.01) * x),
            "rational": lambda: rational(x, A, B),
        }
    }


def with_jax(x: np.ndarray) -> Runs:
    import jax
    import jax.numpy as jnp

    from rrn.jax import rational

    def naive(x, a, b):
        p, s = a[0, -1], abs(b[0, -1])
        for c in a[0, -2::-1]:
            p = p * x + c
        for c in abs(b[0, -2::-1]):
            s = s * abs(x) + c
        return p / (1 + s * abs(x))

    def both_passes(function):
        def run(*arguments):
            y, back = jax.vjp(function, *arguments[1:])
            return y, back(arguments[0])

        return jax.jit(run)

    a, b, x, grad = map(jnp.asarray, (A, B, x, x[::-1]))
    functions = {
        "leaky_relu": (jax.nn.leaky_relu, (x,)),
        "rational": (rational, (x, a, b)),
        "naive": (naive, (x, a, b)),
    }
    runs: Runs = {"forward": {}, "backward": {}}
    for name, (function, arguments) in functions.items():
        once, twice = jax.jit(function), both_passes(function)
        runs["forward"][name] = lambda once=once, given=arguments: jax.block_until_ready(once(*given))
        runs["backward"][name] = lambda twice=twice, given=arguments: jax.block_until_ready(twice(grad, *given))
    return runs


def with_keras(x: np.ndarray) -> Runs:
    """Layers on the backend of KERAS_BACKEND, on an input [N / 128, 128] as of a dense layer."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    from rrn.keras import Rational

    backend = keras.backend.backend()
    x, grad = (keras.ops.convert_to_tensor(c.reshape(-1, 128)) for c in (x, x[::-1].copy()))
    runs: Runs = {"forward": {}, "backward": {}}
    for name, layer in (("leaky_relu", keras.layers.LeakyReLU(0.01)), ("rational", Rational())):
        layer(x)
        both = {"torch": _keras_on_torch, "jax": _keras_on_jax, "tensorflow": _keras_on_tensorflow}[backend]
        runs["forward"][name], runs["backward"][name] = both(layer, x, grad)
    return runs


def _keras_on_torch(layer, x, grad):
    import torch

    torch.set_num_threads(1)
    needed = [x.clone().requires_grad_(), *(weight.value for weight in layer.weights)]

    def forward():
        with torch.no_grad():
            layer(x)

    return forward, lambda: torch.autograd.grad(layer(needed[0]), needed, grad)


def _keras_on_jax(layer, x, grad):
    import jax

    def call(x, weights):
        return layer.stateless_call(weights, [], x)[0]

    def both_passes(x, weights):
        y, back = jax.vjp(call, x, weights)
        return y, back(grad)

    weights = [weight.value for weight in layer.weights]
    once, twice = jax.jit(call), jax.jit(both_passes)
    return tuple(lambda f=f: jax.block_until_ready(f(x, weights)) for f in (once, twice))


def _keras_on_tensorflow(layer, x, grad):
    import tensorflow as tf

    def both_passes(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        return y, tape.gradient(y, [x, *layer.weights], grad)

    return tuple(partial(tf.function(function, jit_compile=True), x) for function in (layer, both_passes))


def with_mxnet(x: np.ndarray) -> Runs:
    """Hybridized Gluon blocks, with the arrays of their graph allocated once."""
    os.environ["OMP_NUM_THREADS"] = "1"
    import mxnet as mx

    from rrn.mxnet import Rational

    x, grad = (mx.nd.array(c.reshape(-1, 128)) for c in (x, x[::-1].copy()))
    x.attach_grad()

    def forward(block):
        block(x).wait_to_read()

    def both_passes(block):
        with mx.autograd.record():
            y = block(x)
        y.backward(grad)
        mx.nd.waitall()

    runs: Runs = {"forward": {}, "backward": {}}
    for name, block in (("leaky_relu", mx.gluon.nn.LeakyReLU(0.01)), ("rational", Rational())):
        block.initialize()
        block.hybridize(static_alloc=True, static_shape=True)
        runs["forward"][name], runs["backward"][name] = partial(forward, block), partial(both_passes, block)
    return runs


FRAMEWORKS = {  # name: packages that it needs, and the function that makes its candidates for an input [N] of float32
    "numpy": (("numpy",), with_numpy),
    "jax": (("jax",), with_jax),
    "mxnet": (("mxnet",), with_mxnet),
    "keras": (("keras", os.environ.get("KERAS_BACKEND", "torch")), with_keras),
}


def seconds(run: Callable[[], object], calls: int) -> float:
    """Process time of one call, from `calls` in a row."""
    start = time.process_time()
    for _ in range(calls):
        run()
    return (time.process_time() - start) / calls


def ratios(runs: dict[str, Callable[[], object]], turns: int) -> dict[str, np.ndarray]:
    """Quartiles of the ratios of each candidate to the first, [3]."""
    for run in runs.values():
        run()  # compiles
    names = [*runs]
    calls = {name: max(1, round(0.05 / max(seconds(run, 2), 1e-6))) for name, run in runs.items()}
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(turns):
        for name in np.roll(names, turn).tolist():
            times[name].append(seconds(runs[name], calls[name]))
    base = np.array(times[names[0]])
    return {name: np.quantile(np.array(found) / base, [0.25, 0.5, 0.75]) for name, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    installed = [name for name, (packages, _) in FRAMEWORKS.items() if all(map(find_spec, packages))]
    parser.add_argument("frameworks", nargs="*", default=installed, metavar="FRAMEWORK")
    parser.add_argument("--elements", nargs="+", type=int, default=[409_600, 2**24])
    parser.add_argument("--turns", type=int, default=31)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if len(options.frameworks) > 1:
        rest = ["--elements", *map(str, options.elements), "--turns", str(options.turns)]
        for name in options.frameworks:
            subprocess.run([sys.executable, sys.argv[0], name, *rest], check=True)
        return
    (name,) = options.frameworks
    for elements in options.elements:
        x = np.random.default_rng(0).normal(size=elements).astype(np.float32)
        for passes, runs in FRAMEWORKS[name][1](x).items():
            for candidate, (low, middle, high) in [*ratios(runs, options.turns).items()][1:]:
                print(
                    f"{name:8}{elements:12,}  {passes:10}{candidate:10}{middle:8.2f}  ({low:.2f} to {high:.2f})",
                    flush=True,
                )


if __name__ == "__main__":
    main()
