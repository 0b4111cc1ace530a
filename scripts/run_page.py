"""A page on one run for docs/: its evaluations as table and curve, its activations, beside the paper's runs if any.

    python scripts/run_page.py RUN docs/pong --curves paper_curves.csv.gz
    python scripts/run_page.py RUN docs/pong_ppo

Writes docs/pong.md and docs/pong.png, and copies the run's last figure of shapes to docs/pong_shapes.png. The curves
are those that `python -m rrn.reference import` writes.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from rrn.compose import load_run_config
from rrn.config import Config
from rrn.curves import Curve
from rrn.protocol import protocol_line
from rrn.reference import read_curves
from rrn.report.runs import Series, read_measures
from rrn.status import read_status

ROWS = 25  # of the table at most


def draw(measures: dict[str, Series], paper: Sequence[Curve], path: Path) -> None:
    """Mean of each evaluation over the range of its games, on the curves of the paper's seeds."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    steps, means = measures["evaluation/mean"]
    for curve in paper:
        shown = curve.steps <= steps[-1] * 1.02
        axes.plot(curve.steps[shown], curve.means[shown], color="#999999", linewidth=0.8)
    if paper:
        axes.plot([], [], color="#999999", label=f"paper, {len(paper)} seeds")
    lowest, highest = (measures[f"evaluation/{name}"][1] for name in ("min", "max"))
    axes.fill_between(steps, lowest, highest, color="#d55e00", alpha=0.2, linewidth=0, label="lowest to highest game")
    axes.plot(steps, means, color="#d55e00", linewidth=2, label="this run, mean of games")
    axes.set(xlabel="agent steps", ylabel="score")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
    figure.savefig(path, dpi=110)


def table(measures: dict[str, Series], paper: Sequence[Curve]) -> list[str]:
    """Lines of the table, evenly chosen if there are many."""
    steps, means = measures["evaluation/mean"]
    heads = ["agent step", "mean", "lowest to highest game", "games"]
    heads += ["paper: mean of seeds", "lowest to highest seed"] if paper else []
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for index in np.unique(np.linspace(0, len(steps) - 1, min(len(steps), ROWS)).astype(int)):
        low, high, games = (measures[f"evaluation/{name}"][1][index] for name in ("min", "max", "games"))
        cells = [f"{steps[index]:,}", f"{means[index]:.2f}", f"{low:.0f} to {high:.0f}", f"{games:.0f}"]
        if paper:
            theirs = [score for curve in paper if not math.isnan(score := curve.at(steps[index]))]
            many = f" ({len(theirs)} seeds)" if 0 < len(theirs) < len(paper) else ""
            ends = f"{min(theirs):.2f} to {max(theirs):.2f}" if theirs else "-"
            cells += [f"{statistics.fmean(theirs):.2f}{many}" if theirs else "-", ends]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def text(run: Path, config: Config, measures: dict[str, Series], paper: Sequence[Curve], target: Path) -> str:
    status = read_status(run)
    steps = measures["evaluation/mean"][0]
    title = f"{config.env.name}: {config.agent.name} with {config.act.name}"
    command = status.go_on.removesuffix(" resume=true") if status else "python -m rrn.train"
    end = "finished" if steps[-1] >= config.steps else f"up to step {steps[-1]:,} of {config.steps:,}"
    beside = " beside the paper" if paper else ""
    options = " --curves paper_curves.csv.gz" if paper else ""
    lines = [
        f"# {title}{beside}",
        "",
        f"One run, seed {config.seed}, {end}. One seed decides nothing.",
        "",
        f"{protocol_line(config).capitalize()}.",
        "",
        f"![Scores]({target.name}.png)",
        "",
        *([f"The table has {ROWS} of {len(steps)} evaluations; the curve has all.", ""] if len(steps) > ROWS else []),
        *table(measures, paper),
        "",
        f"The activations at step {steps[-1]:,}, over the histograms of their inputs:",
        "",
        f"![Shapes]({target.name}_shapes.png)",
        "",
        f"Made by `python scripts/run_page.py RUN docs/{target.name}{options}`, from a run of `{command}`.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("target", type=Path, help="the page, without .md")
    parser.add_argument("--curves", type=Path)
    options = parser.parse_args()
    config = load_run_config(options.run)
    paper = [
        curve
        for curve in (read_curves(options.curves) if options.curves else ())
        if (curve.game, curve.agent, curve.act) == (config.env.name, config.agent.name, config.act.name)
    ]
    if options.curves and not paper:
        raise SystemExit(f"error: {options.curves} has no such runs as {options.run}; leave --curves out.")
    measures = read_measures(options.run / "scalars.csv")
    draw(measures, paper, options.target.with_suffix(".png"))
    shutil.copy(options.run / "shapes.png", f"{options.target}_shapes.png")
    options.target.with_suffix(".md").write_text(text(options.run, config, measures, paper, options.target))


if __name__ == "__main__":
    main()
