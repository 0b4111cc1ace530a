"""Speed and memory of the rational of MXNet beside MXNet's own leaky ReLU, forward and backward.

python scripts/bench/gluon.py

in an environment with rrn[mxnet]. Each time is the median of process times on one thread, interleaved. The memory is
what a chain of activations keeps for the backward pass, beside the bytes of the input, for each activation.
"""

from __future__ import annotations

import os
import resource
import statistics
import time
from multiprocessing import get_context
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import mxnet as mx

import rrn.mxnet

SIZES = {409_600: 60, 16_000_000: 9}  # elements: repetitions
MAKE = {"leaky ReLU": lambda: mx.gluon.nn.LeakyReLU(0.01), "rational": rrn.mxnet.Rational}


def prepare(name: str, size: int, hybridized: bool, count: int = 1) -> tuple:
    """Make a chain of activations, and an input [100, size / 100] with gradient."""
    block, x = mx.gluon.nn.HybridSequential(), mx.nd.random.normal(shape=(100, size // 100))
    block.add(*(MAKE[name]() for _ in range(count)))
    block.initialize()
    if hybridized:
        block.hybridize(static_alloc=True, static_shape=True)
    x.attach_grad()
    return block, x


def ratios(size: int, repetitions: int, hybridized: bool) -> str:
    """Time forward and backward of both."""
    cases = {name: prepare(name, size, hybridized) for name in MAKE}
    times: dict[str, list[float]] = {name: [] for name in MAKE}
    for _ in range(repetitions + 2):
        for name, (block, x) in cases.items():
            start = time.process_time()
            with mx.autograd.record():
                y = block(x)
            y.backward()
            mx.nd.waitall()
            times[name].append(time.process_time() - start)
    base, ours = (statistics.median(times[name][2:]) for name in MAKE)
    ratio = statistics.median(p / q for p, q in zip(times["rational"][2:], times["leaky ReLU"][2:], strict=True))
    return f"{base * 1e3:.2f} ms, {ours * 1e3:.2f} ms, ratio {ratio:.1f}"


def kept(name: str, hybridized: bool, counts: tuple[int, int] = (2, 10), size: int = 4_000_000) -> float:
    """Measure what a chain keeps in a process of its own, in sizes of the input for each activation."""
    resident = []
    for count in counts:  # what two need is paid before
        block, x = prepare(name, size, hybridized, count)
        with mx.autograd.record():
            y = block(x)
        mx.nd.waitall()
        resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize())  # Linux
        del block, x, y
    return (resident[1] - resident[0]) / (counts[1] - counts[0]) / (4 * size)


def main() -> None:
    for hybridized in (False, True):
        mode = "hybridized" if hybridized else "imperative"
        for size, repetitions in SIZES.items():
            print(f"{mode}, {size:,} elements: {ratios(size, repetitions, hybridized)}")
        for name in MAKE:
            with get_context("spawn").Pool(1) as pool:
                print(f"{mode}, {name}: {pool.apply(kept, (name, hybridized)):.2f} times the input kept")


if __name__ == "__main__":
    main()
