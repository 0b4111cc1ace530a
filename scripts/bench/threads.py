"""Agent steps per second of DQN on Pong with 1, 2, 4, ... threads, on this machine's cores and on fewer.

    python scripts/bench/threads.py [--turns 40] [--steps 32] [--threads 1 2 4 8]
    taskset -c 0 python scripts/bench/threads.py      # as in a container with one core

Each number of threads has a process of its own, and they take turns. A rate is the median over the turns, and that of
the fastest turn: where other programs or other machines on the same hardware want the processor, threads wait for the
one of them that does not run, and the fastest turn shows what they could do alone. Numbers of threads that the cores at
hand cannot show are estimated from the fastest turns by Amdahl's law (Amdahl 1967).
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from sides import SAME, Apart, Ours

from rrn.common.cores import usable_cores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--act", default="leaky_relu")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 4, 8])
    options = parser.parse_args()
    cores = usable_cores()
    rates: dict[int, list[float]] = {n: [] for n in options.threads}
    sides = {n: Apart(n, Ours, "env=Pong", f"act={options.act}", f"threads={n}", *SAME) for n in rates}
    for turn in range(options.turns + 1):
        for n, side in sides.items():
            began = time.perf_counter()
            taken = side.training_step(options.steps)
            if turn:
                rates[n].append(taken / (time.perf_counter() - began))
    for side in sides.values():
        side.close()
    print(f"torch {torch.__version__}, {cores} usable cores, {options.act}, {options.turns} turns of {options.steps}")
    print(f"{'threads':>8}{'median':>9}{'fastest':>9}   steps/s")
    for n, found in rates.items():
        note = "" if n <= cores else "   more than cores"
        print(f"{n:8}{statistics.median(found):9.0f}{max(found):9.0f}{note}")
    most = max((n for n in rates if n <= cores), default=1)
    if 1 in rates and most > 1:
        ratio = max(rates[most]) / max(rates[1])
        serial = max((most / ratio - 1) / (most - 1), 0.0)  # share of the time that no thread helps with
        print(f"{serial:.0%} of the time of one thread is serial; estimated from it, on as many cores:")
        print("  ".join(f"{n} threads {1 / (serial + (1 - serial) / n):.2f}" for n in (2, 3, 4, 6, 8, 16)))


if __name__ == "__main__":
    main()
