"""Agent steps per second of DQN on Pong with 1, 2, 4, ... threads, as far as twice the usable cores.

    python scripts/bench/threads.py [--turns 9] [--steps 400]
    taskset -c 0 python scripts/bench/threads.py      # as in a container with one core

Each number of threads has a process of its own, and they take turns. A rate is the median over the turns; a ratio is
the median, with the quartiles, of the ratios to one thread in the same turn. Numbers of threads that the cores at hand
cannot show are estimated from the two largest that they can, by Amdahl's law (Amdahl 1967).
"""

from __future__ import annotations

import argparse

import torch
from sides import SAME, Apart, Ours
from training import interleaved

from rrn.common.cores import usable_cores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--act", default="leaky_relu")
    options = parser.parse_args()
    cores = usable_cores()
    numbers = [1 << k for k in range(6) if 1 << k <= max(2 * cores, 8)]
    sides = {n: Apart(n, Ours, "env=Pong", f"act={options.act}", f"threads={n}", *SAME) for n in numbers}
    rows = interleaved({str(n): side.advance for n, side in sides.items()}, options.steps, options.turns, 200)
    for side in sides.values():
        side.close()
    print(f"torch {torch.__version__}, {cores} usable cores, {options.act}, {options.turns} turns")
    print(f"{'threads':>8}{'steps/s':>9}{'ratio':>8}{'quartiles':>15}")
    for row in rows:
        print(
            f"{row['name']:>8}{row['rate']:9.0f}{row['ratio']:8.2f}{row['low']:9.2f} to {row['high']:.2f}"
            f"{'' if int(row['name']) <= cores else '   more than cores'}"
        )
    if cores > 1:
        most = max(n for n in numbers if n <= cores)
        ratio = next(row["ratio"] for row in rows if row["name"] == str(most))
        serial = (most / ratio - 1) / (most - 1)  # share of the time that no thread helps with
        print(f"{serial:.0%} of the time of one thread is serial; estimated from it, on as many cores:")
        print("  ".join(f"{n} threads {1 / (serial + (1 - serial) / n):.2f}" for n in (2, 3, 4, 6, 8, 16)))


if __name__ == "__main__":
    main()
