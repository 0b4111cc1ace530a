"""Put the evaluations of one run beside the paper's curves of the same game, agent and activation.

    python scripts/compare_with_paper.py RUN paper_curves.csv.gz docs/pong

CURVES is a table of the authors' runs with the columns game, algorithm, activation, seed, epoch and mean.
Writes docs/pong.md and docs/pong.png, and copies the run's last figure of shapes to docs/pong_shapes.png.
"""

from __future__ import annotations

import csv
import gzip
import shutil
import statistics
import sys
from collections import defaultdict
from pathlib import Path

from matplotlib.figure import Figure

from rrn.compose import compose_config, load_run_config
from rrn.protocol import protocol_line

PAPER_NAMES = {"leaky_relu": "lrelu"}  # the others are the same


def own_evaluations(run: Path) -> dict[int, dict[str, float]]:
    """Agent step to the numbers of the evaluation."""
    points: dict[int, dict[str, float]] = defaultdict(dict)
    with open(run / "scalars.csv") as file:
        for row in csv.DictReader(file):
            if row["name"].startswith("evaluation/"):
                points[int(row["step"])][row["name"].partition("/")[2]] = float(row["value"])
    return points


def paper_curves(path: Path, game: str, algorithm: str, activation: str, every: int) -> dict[int, list[float]]:
    """Mean score of each seed, by agent step; epoch e comes after e x every steps."""
    curves: dict[int, list[float]] = defaultdict(list)
    wanted = game, algorithm, PAPER_NAMES.get(activation, activation)
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            if (row["game"], row["algorithm"], row["activation"]) == wanted:
                curves[int(row["epoch"]) * every].append(float(row["mean"]))
    return curves


def main(run: Path, curves: Path, target: Path) -> None:
    config = load_run_config(run)
    ours = own_evaluations(run)
    every = compose_config([f"env={config.env.name}", "experiment=paper"]).evaluation.every
    paper = paper_curves(curves, config.env.name, config.agent.name, config.act.name, every)
    if not paper:
        raise SystemExit(f"error: {curves} has no {config.agent.name} with {config.act.name} on {config.env.name}.")
    seeds = len(paper[0])
    draw(ours, paper, target.with_suffix(".png"))
    shutil.copy(run / "shapes.png", f"{target}_shapes.png")
    lines = [
        f"# {config.env.name}: {config.agent.name} with {config.act.name} beside the paper",
        "",
        f"One run of ours, seed {config.seed}, `experiment={config.experiment}`, up to step {max(ours):,} of "
        f"{config.steps:,}. One seed decides nothing: the question here is whether the curve lies where the authors' "
        f"{seeds} seeds lie.",
        "",
        f"{protocol_line(config).capitalize()}.",
        "",
        f"![Scores]({target.name}.png)",
        "",
        "| agent step | ours: mean | min to max | games | paper: mean of seeds | lowest to highest seed |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for step, point in sorted(ours.items()):
        theirs = paper.get(step, [])
        spread = f"{statistics.fmean(theirs):.2f} | {min(theirs):.2f} to {max(theirs):.2f}" if theirs else "| "
        lines.append(
            f"| {step:,} | {point['mean']:.2f} | {point['min']:.0f} to {point['max']:.0f} | {point['games']:.0f} | "
            f"{spread} |"
        )
    lines += [
        "",
        f"The activations at step {max(ours):,}, over the histograms of their inputs:",
        "",
        f"![Shapes]({target.name}_shapes.png)",
        "",
        "Made by `python scripts/compare_with_paper.py RUN paper_curves.csv.gz "
        f"{target}`, from a run of `python -m rrn.train experiment={config.experiment} env={config.env.name} "
        f"agent={config.agent.name} act={config.act.name}`.",
    ]
    target.with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(line for line in lines if line.startswith("|")))


def draw(ours: dict[int, dict[str, float]], paper: dict[int, list[float]], path: Path) -> None:
    last = max(ours) * 1.6
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    steps = sorted(step for step in paper if step <= last)
    for seed in range(min(len(paper[step]) for step in steps)):
        label = "paper, each seed" if seed == 0 else None
        axes.plot(steps, [paper[step][seed] for step in steps], color="0.7", linewidth=1, label=label)
    mine = sorted(ours)
    axes.fill_between(mine, [ours[s]["min"] for s in mine], [ours[s]["max"] for s in mine], color="#1f4e9c", alpha=0.15)
    axes.plot(mine, [ours[s]["mean"] for s in mine], color="#1f4e9c", marker="o", label="ours, mean (band: min to max)")
    axes.set_xlabel("agent steps of training")
    axes.set_ylabel("score of an evaluation")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit("error: expected python scripts/compare_with_paper.py RUN CURVES.csv.gz TARGET")
    main(*map(Path, sys.argv[1:]))
