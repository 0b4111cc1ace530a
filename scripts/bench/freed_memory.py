"""What rrn.common.device.keep_freed_memory saves: agent steps a second with it and without, on one core.

    python scripts/bench/freed_memory.py [--turns 5]

Each has a process of its own, and they take turns. A rate is the median over the turns; a ratio is the median, with the
quartiles, of the ratios to the one without in the same turn.
"""

from __future__ import annotations

import argparse
import platform

import sides
import torch
from sides import Apart, Ours
from training import interleaved, show

CASES = {  # agent steps of a turn, and the run
    "PPO on Pong": (1024, ("env=Pong", "agent=ppo", "act=relu")),
    "DER on Breakout": (100, ("env=Breakout", "agent=der", "act=relu", "experiment=atari100k")),
}


class GivenBack(Ours):
    """The same, in a process that gives freed memory back, as is the default."""

    def __init__(self, *overrides: str):
        sides.keep_freed_memory = lambda: None
        super().__init__(*overrides)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    print(f"{platform.machine()}, 1 thread, torch {torch.__version__}, {options.turns} turns")
    for title, (steps, overrides) in CASES.items():
        kinds = {"given back": GivenBack, "kept": Ours}
        pair = {name: Apart(1, kind, *overrides) for name, kind in kinds.items()}
        show(title, interleaved({name: side.training_step for name, side in pair.items()}, steps, options.turns, steps))
        for side in pair.values():
            side.close()


if __name__ == "__main__":
    main()
