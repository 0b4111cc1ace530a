"""Agent steps per second of training of PQN beside PPO on MinAtar, at the default settings of each.

    python scripts/bench/pqn.py [--turns 9]

Each has a process of its own, and they take turns. A rate is the median over the turns; a ratio is the median, with the
quartiles, of the ratios to PPO with relu in the same turn.
"""

from __future__ import annotations

import argparse
import platform

import torch
from sides import Apart, Ours
from training import interleaved, show

STEPS = 8192  # of a turn: two rollouts of PQN, 32 of PPO
ACTS = ("relu", "recurrent_rational")
RUNS = {f"{agent}, {act}": (f"agent={agent}", f"act={act}") for agent in ("ppo", "pqn") for act in ACTS}
RUNS["pqn, relu, 8 games"] = (*RUNS["pqn, relu"], "env.num_envs=8")
RUNS["pqn, relu, network.norm=null"] = (*RUNS["pqn, relu"], "network.norm=null")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=9)
    options = parser.parse_args()
    print(f"{platform.machine()}, 1 thread, torch {torch.__version__}, {options.turns} turns")
    sides = {name: Apart(1, Ours, "env=MinAtar-Breakout", *run) for name, run in RUNS.items()}
    rows = interleaved({name: side.training_step for name, side in sides.items()}, STEPS, options.turns, STEPS)
    show("MinAtar-Breakout", rows)
    for side in sides.values():
        side.close()


if __name__ == "__main__":
    main()
