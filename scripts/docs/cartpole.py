"""DQN on CartPole: when does each run reach a mean return of 475 over 20 games?

    python scripts/docs/cartpole.py [steps=100000 ...]

Trains relu and recurrent_rational with seeds 0, 1 and 2, one thread each, in runs/cartpole; runs that are
there already are gone on with. Writes docs/cartpole.md.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

GOAL = 475.0
ACTS, SEEDS = ("recurrent_rational", "relu"), (0, 1, 2)
RUNS = Path("runs/cartpole")
CHOICE = """\
How the settings were chosen: nine settings were tried on seeds 10 and 11, most of them with both activations. The first
choice among them (learning rate 1e-3, a target copied every 100 steps, epsilon to 0.05 in 16,000 steps) was good on all
of seeds 10 to 13, but on the seeds of the table relu reached the goal on 2 of 3 only (seed 2: best 414.8) and
recurrent_rational on 3 of 3. The present ones were taken after that, as they reached it sooner on seeds 10 and 11. The
returns go up and down a lot on the way, as the last column shows: no run stays at the goal from its first step there.
"""


def train(act: str, seed: int, extra: list[str]) -> Path:
    folder = RUNS / f"{act}-seed{seed}"
    command = [sys.executable, "-m", "rrn.train", "env=CartPole", f"act={act}", f"seed={seed}", f"run_dir={folder}"]
    subprocess.run([*command, "threads=1", "device=cpu", "resume=true", *extra], check=True)
    return folder


def evaluations(folder: Path) -> list[tuple[int, float]]:
    """(agent step, mean return of the evaluation), in order."""
    with open(folder / "scalars.csv") as file:
        return [(int(r["step"]), float(r["value"])) for r in csv.DictReader(file) if r["name"] == "evaluation/mean"]


def main(extra: list[str]) -> None:
    runs = [(act, seed) for act in ACTS for seed in SEEDS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        folders = list(pool.map(lambda run: train(*run, extra), runs))
    lines = [
        "# DQN on CartPole",
        "",
        "Mean return of an evaluation of 20 whole games (epsilon 0.05), every 5,000 agent steps of training; a game is",
        f"cut off at 500. The goal is {GOAL:g} within 100,000 steps. Made by",
        "",
        f"    {' '.join(['python scripts/docs/cartpole.py', *extra])}",
        "",
        "| activation | seed | first step at the goal | best | last |",
        "| --- | --- | --- | --- | --- |",
    ]
    for (act, seed), folder in zip(runs, folders, strict=True):
        points = evaluations(folder)
        reached = next((f"{step:,}" for step, mean in points if mean >= GOAL), "not reached")
        lines.append(f"| {act} | {seed} | {reached} | {max(m for _, m in points):.1f} | {points[-1][1]:.1f} |")
    text = "\n".join(lines) + "\n\n" + CHOICE
    Path("docs/cartpole.md").write_text(text)
    print(text)


if __name__ == "__main__":
    if any("=" not in word for word in sys.argv[1:]):
        raise SystemExit(__doc__)
    main(sys.argv[1:])
