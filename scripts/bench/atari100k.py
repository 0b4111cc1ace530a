"""Time an update and an agent step of the agents of Atari-100k on one core.

    python scripts/bench/atari100k.py [--turns 9] [--updates 40] [--steps 40]

Each has a process of its own, and they take turns. A rate is the median over the turns; a ratio is the median, with the
quartiles, of the ratios to the first one in the same turn. An update is sampling, learning and new priorities; the
first one is plain torch (plain_rainbow.py). The rate of a matrix product says how fast the core is.
"""

from __future__ import annotations

import argparse
import platform
import time

import torch
from plain_rainbow import PlainRainbow
from sides import Apart, Ours
from training import interleaved, show

SIDE = 1024  # of the matrices
EXPERIMENT = ("experiment=atari100k", "env=Breakout", "evaluation.every=90000")
STEPS = {
    "der, relu": ("agent=der", "act=relu"),
    "der, rational": ("agent=der", "act=rational"),
    "der_dopamine, relu": ("agent=der_dopamine", "act=relu"),
    "drq, relu": ("agent=drq", "act=relu"),
}


class Updates(Ours):
    """Updates alone, on the transitions of random play."""

    def training_step(self, steps: int) -> int:
        learner, done = self.trainer.learner, self.trainer.learner.agent.updates
        for step in range(done + 1, done + steps + 1):
            learner._learn(step, False)
        return steps


def giga_flops() -> float:
    a, b = torch.randn(2, SIDE, SIDE)
    times = []
    for _ in range(20):
        began = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - began)
    return 2 * SIDE**3 / sorted(times)[len(times) // 2] / 1e9


def compare(title: str, sides: dict[str, Apart], steps: int, turns: int) -> None:
    rows = interleaved({name: side.training_step for name, side in sides.items()}, steps, turns, steps)
    show(title, rows)
    for side in sides.values():
        side.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--updates", type=int, default=40)
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{platform.machine()}, 1 thread, torch {torch.__version__}, {options.turns} turns")
    print(f"a matrix product: {giga_flops():.0f} GFLOPS")
    updates = {"plain torch": Apart(1, PlainRainbow)}
    for name in ("der, relu", "der, rational"):
        updates[name] = Apart(1, Updates, *EXPERIMENT, *STEPS[name])
    compare("updates of data-efficient Rainbow", updates, options.updates, options.turns)
    steps = {name: Apart(1, Ours, *EXPERIMENT, *overrides) for name, overrides in STEPS.items()}
    compare("agent steps, acting and the emulator included", steps, options.steps, options.turns)
    print(f"a matrix product: {giga_flops():.0f} GFLOPS")


if __name__ == "__main__":
    main()
