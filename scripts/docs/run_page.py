"""A page on runs for docs/: their evaluations and activations, beside the paper's runs if there are any.

    python scripts/docs/run_page.py docs/pong RUN [RUN ...] --curves paper_curves.csv.gz
    python scripts/docs/run_page.py docs/pong_ppo RUN

The runs are of one game and one agent, each with an activation and a seed. Writes docs/pong.md, docs/pong.png and
docs/pong_shapes.png. The curves are those that `python -m rrn.reference import` writes.
"""

from __future__ import annotations

import argparse
import math
import statistics
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from final_scores import section
from matplotlib.figure import Figure

from rrn.activations.inspection.animate import draw_runs
from rrn.common.curves import Curve
from rrn.config import Config
from rrn.config.load import load_run_config
from rrn.reference import read_curves
from rrn.runs.scalars import Series, read_measures
from rrn.runs.status_file import read_status

ROWS = 25  # of the table at most
COLORS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # of activations
STYLES = ("-", "--", ":", "-.", (0, (1, 4)), (0, (6, 4)))  # of seeds
RANK = "plasticity/effective_rank"
MAIN = ("leaky_relu", "rational", "recurrent_rational")  # of the paper's comparison, the baseline first


@dataclass(frozen=True)
class Shown:
    """A run of the page."""

    folder: Path
    config: Config
    measures: dict[str, Series]
    paper: list[Curve]  # of the same game, agent and activation

    @property
    def steps(self) -> np.ndarray:
        """Agent steps before each evaluation, [E]."""
        return self.measures["evaluation/mean"][0]

    def scores(self, name: str) -> np.ndarray:
        """The mean, min or max of the games of each evaluation, or how many games it had, [E]."""
        return self.measures[f"evaluation/{name}"][1]


def read(folder: Path, curves: Sequence[Curve]) -> Shown:
    config = load_run_config(folder)
    of = (config.env.name, config.agent.name, config.act.name)
    paper = [curve for curve in curves if (curve.game, curve.agent, curve.act) == of]
    if curves and not paper:
        raise SystemExit(f"error: the curves have no such runs as {folder}; leave --curves out.")
    return Shown(folder, config, read_measures(folder / "scalars.csv"), paper)


def by_act(runs: Sequence[Shown]) -> dict[str, list[Shown]]:
    """The runs of each activation, in the order in which they came."""
    found: dict[str, list[Shown]] = {}
    for run in runs:
        found.setdefault(run.config.act.name, []).append(run)
    return found


def draw(runs: Sequence[Shown], path: Path) -> None:
    """A panel for each activation: its runs over the range of their games, on the paper's seeds; below, their ranks."""
    end = max(run.steps[-1] for run in runs)
    ranked = [run for run in runs if RANK in run.measures]
    acts = by_act(runs)
    count = len(acts) + bool(ranked)
    figure = Figure(figsize=(7, 1 + 2.7 * count), layout="constrained")
    panels = figure.subplots(count, sharex=True, squeeze=False)[:, 0]
    for (name, seeds), color, axes in zip(acts.items(), cycle(COLORS), panels, strict=False):
        for curve in seeds[0].paper:
            shown = curve.steps <= end * 1.02
            axes.plot(curve.steps[shown], curve.means[shown], color="#999999", linewidth=0.8)
        if seeds[0].paper:
            axes.plot([], [], color="#999999", label=f"paper, {len(seeds[0].paper)} seeds")
        for run, style in zip(seeds, cycle(STYLES), strict=False):
            if len(seeds) == 1:
                axes.fill_between(run.steps, run.scores("min"), run.scores("max"), color=color, alpha=0.2, linewidth=0)
            label = f"seed {run.config.seed}, mean of games{' and their range' if len(seeds) == 1 else ''}"
            axes.plot(run.steps, run.scores("mean"), linestyle=style, color=color, linewidth=2, label=label)
            if run in ranked:
                steps, ranks = run.measures[RANK]
                panels[-1].plot(steps, ranks, linestyle=style, color=color, label=f"{name}, seed {run.config.seed}")
        axes.set(title=name, ylabel="score")
        axes.sharey(panels[0])
    if ranked:
        panels[-1].set(title="all", ylabel="effective rank", yscale="log")
    for axes in panels:
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    panels[-1].set_xlabel("agent steps")
    panels[-1].xaxis.set_major_formatter("{x:,.0f}")
    figure.savefig(path, dpi=110)


def table(runs: Sequence[Shown]) -> list[str]:
    """Lines of the table, evenly chosen if there are many; the runs of an activation share a cell."""
    heads, acts = ["agent step"], by_act(runs)
    for name, seeds in acts.items():
        heads.append(f"{name}, seed{'s' * (len(seeds) > 1)} {', '.join(str(run.config.seed) for run in seeds)}")
        heads += ["paper"] if seeds[0].paper else []
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    steps = max((run.steps for run in runs), key=len)
    for index in np.unique(np.linspace(0, len(steps) - 1, min(len(steps), ROWS)).astype(int)):
        cells = [f"{steps[index]:,}"]
        for seeds in acts.values():
            cells.append(", ".join(_ours(run, steps[index], ranges=len(seeds) == 1) for run in seeds))
            cells += [_theirs(seeds[0].paper, steps[index])] if seeds[0].paper else []
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _ours(run: Shown, step: int, ranges: bool) -> str:
    at = np.flatnonzero(run.steps == step)
    if not len(at):
        return "-"
    mean, low, high = (run.scores(name)[at[0]] for name in ("mean", "min", "max"))
    return f"{mean:.2f} ({low:.0f} to {high:.0f})" if ranges else f"{mean:.2f}"


def _theirs(paper: Sequence[Curve], step: int) -> str:
    scores = [score for curve in paper if not math.isnan(score := curve.at(step))]
    if not scores:
        return "-"
    seeds = f", {len(scores)} seeds" if len(scores) < len(paper) else ""
    return f"{statistics.fmean(scores):.2f} ({min(scores):.1f} to {max(scores):.1f}{seeds})"


def text(runs: Sequence[Shown], target: Path, curves: Sequence[Curve], note: str) -> str:
    first = runs[0].config
    most = max(map(len, by_act(runs).values()))  # seeds of one activation
    paper = any(run.paper for run in runs)
    title = f"{first.env.name}: {first.agent.name} with {', '.join(by_act(runs))}"
    games = {int(number) for run in runs for number in run.scores("games")}
    number = f"{min(games)} to {max(games)}" if len(games) > 1 else f"{max(games)}"
    shown = max(len(run.steps) for run in runs)
    brackets = ", the lowest and the highest game of the evaluation in brackets" if most == 1 else ""
    lines = [
        f"# {title}{' beside the paper' if paper else ''}",
        "",
        *(f"* {run.config.act.name}, seed {run.config.seed}: {_end(run)}." for run in runs),
        "",
        *(["One seed decides nothing.", ""] if most == 1 else ["Few seeds decide nothing.", ""] if most < 5 else []),
        *([note, ""] if note else []),
        f"Protocol{first.env.protocol().removeprefix('protocol')}.",
        "",
        f"![Scores]({target.name}.png)",
        "",
        f"Each figure is the mean of {number} games{brackets}"
        f"{'; of the paper the mean of its seeds, the lowest and the highest seed' if paper else ''}."
        f"{f' The table has {ROWS} of {shown} evaluations; the curves have all.' if shown > ROWS else ''}",
        "",
        *table(runs),
        "",
        *finals(runs, curves),
        "The activations at the last evaluation, over the histograms of their inputs:",
        "",
        f"![Shapes]({target.name}_shapes.png)",
        "",
        f"Made by `python scripts/docs/run_page.py docs/{target.name} RUN{' ...' if len(runs) > 1 else ''}"
        f"{' --curves paper_curves.csv.gz' if paper else ''}{' --note ...' if note else ''}`, from",
        "",
        *(f"    {_command(run)}" for run in runs),
    ]
    return "\n".join(map(wrapped, lines)) + "\n"


def wrapped(line: str) -> str:
    """Break a paragraph or list item into lines of 120 characters; leave tables, commands and pictures as they are."""
    if line.startswith(("|", "    ", "#", "!")):
        return line
    indent = "  " if line.startswith("* ") else ""
    return textwrap.fill(line, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def finals(runs: Sequence[Shown], curves: Sequence[Curve]) -> list[str]:
    """The part on final scores, if the page compares activations as the paper did."""
    first = runs[0].config
    if len(by_act(runs)) < 2 or any(
        run.config.experiment != "paper" or run.config.act.name not in MAIN for run in runs
    ):
        return []
    ours = [
        Curve(run.config.env.name, run.config.agent.name, run.config.act.name, run.config.seed, run.steps, means)
        for run in runs
        if run.steps[-1] >= run.config.steps
        for means in [run.scores("mean")]
    ]
    paper = [curve for curve in curves if (curve.game, curve.agent) == (first.env.name, first.agent.name)]
    return section(ours, paper, MAIN)


def _end(run: Shown) -> str:
    """Say how far it came, and the effective rank of its features (docs/plasticity.md)."""
    reached, asked = run.steps[-1], run.config.steps
    end = f"finished at step {reached:,}" if reached >= asked else f"up to step {reached:,} of {asked:,}"
    ranks = run.measures[RANK][1] if RANK in run.measures else ()
    return f"{end}; effective rank of its features from {ranks[0]:.0f} to {ranks[-1]:.0f}" if len(ranks) else end


def _command(run: Shown) -> str:
    status = read_status(run.folder)
    return status.go_on.removesuffix(" resume=true") if status else "python -m rrn.train"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path, help="the page, without .md")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--curves", type=Path)
    parser.add_argument("--note", default="", help="a paragraph for the page, of what its reader should know")
    options = parser.parse_args()
    curves = read_curves(options.curves) if options.curves else []
    runs = [read(folder, curves) for folder in options.runs]
    if len({(run.config.env.name, run.config.agent.name) for run in runs}) > 1:
        raise SystemExit("error: expected runs of one game and one agent; make a page of each.")
    draw(runs, options.target.with_suffix(".png"))
    draw_runs({f"{r.config.act.name} {r.config.seed}": r.folder for r in runs}).savefig(
        f"{options.target}_shapes.png", dpi=110
    )
    options.target.with_suffix(".md").write_text(text(runs, options.target, curves, options.note))


if __name__ == "__main__":
    main()
