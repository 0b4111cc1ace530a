"""A page on runs for docs/: their evaluations and activations, beside the paper's runs if there are any.

    python scripts/run_page.py docs/pong RUN [RUN ...] --curves paper_curves.csv.gz
    python scripts/run_page.py docs/pong_ppo RUN

The runs are of one game and one agent, each with an activation and a seed. Writes docs/pong.md, docs/pong.png and
docs/pong_shapes.png. The curves are those that `python -m rrn.reference import` writes.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from rrn.activations.animate import draw_runs
from rrn.compose import load_run_config
from rrn.config import Config
from rrn.curves import Curve
from rrn.protocol import protocol_line
from rrn.reference import read_curves
from rrn.report.runs import Series, read_measures
from rrn.status import read_status

ROWS = 25  # of the table at most


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


def draw(runs: Sequence[Shown], path: Path) -> None:
    """A panel for each run: mean of each evaluation over the range of its games, on the curves of the paper's seeds."""
    figure = Figure(figsize=(7, 1 + 2.7 * len(runs)), layout="constrained")
    end = max(run.steps[-1] for run in runs)
    for run, axes in zip(runs, figure.subplots(len(runs), sharex=True, sharey=True, squeeze=False).flat, strict=True):
        for curve in run.paper:
            shown = curve.steps <= end * 1.02
            axes.plot(curve.steps[shown], curve.means[shown], color="#999999", linewidth=0.8)
        if run.paper:
            axes.plot([], [], color="#999999", label=f"paper, {len(run.paper)} seeds")
        low, high = run.scores("min"), run.scores("max")
        axes.fill_between(run.steps, low, high, color="#d55e00", alpha=0.2, linewidth=0, label="lowest to highest game")
        axes.plot(run.steps, run.scores("mean"), color="#d55e00", linewidth=2, label="this run, mean of games")
        axes.set(title=f"{run.config.act.name}, seed {run.config.seed}", ylabel="score")
        axes.grid(alpha=0.3)
    axes.set_xlabel("agent steps")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    figure.axes[0].legend(loc="upper left")
    figure.savefig(path, dpi=110)


def table(runs: Sequence[Shown]) -> list[str]:
    """Lines of the table, evenly chosen if there are many."""
    heads = ["agent step"]
    for run in runs:
        heads += [f"{run.config.act.name}, seed {run.config.seed}", *(["paper"] if run.paper else [])]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    steps = max((run.steps for run in runs), key=len)
    for index in np.unique(np.linspace(0, len(steps) - 1, min(len(steps), ROWS)).astype(int)):
        cells = [f"{steps[index]:,}"]
        for run in runs:
            at = np.flatnonzero(run.steps == steps[index])
            cells.append(_ours(run, at[0]) if len(at) else "-")
            cells += [_theirs(run.paper, steps[index])] if run.paper else []
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _ours(run: Shown, index: int) -> str:
    mean, low, high = (run.scores(name)[index] for name in ("mean", "min", "max"))
    return f"{mean:.2f} ({low:.0f} to {high:.0f})"


def _theirs(paper: Sequence[Curve], step: int) -> str:
    scores = [score for curve in paper if not math.isnan(score := curve.at(step))]
    if not scores:
        return "-"
    seeds = f", {len(scores)} seeds" if len(scores) < len(paper) else ""
    return f"{statistics.fmean(scores):.2f} ({min(scores):.1f} to {max(scores):.1f}{seeds})"


def text(runs: Sequence[Shown], target: Path, note: str) -> str:
    first = runs[0].config
    most = max(Counter(run.config.act.name for run in runs).values())  # seeds of one activation
    paper = any(run.paper for run in runs)
    title = f"{first.env.name}: {first.agent.name} with {', '.join(dict.fromkeys(r.config.act.name for r in runs))}"
    games = {int(number) for run in runs for number in run.scores("games")}
    number = f"{min(games)} to {max(games)}" if len(games) > 1 else f"{max(games)}"
    shown = max(len(run.steps) for run in runs)
    brackets = "the lowest and the highest game of the evaluation in brackets"
    lines = [
        f"# {title}{' beside the paper' if paper else ''}",
        "",
        *(f"* {run.config.act.name}, seed {run.config.seed}: {_end(run)}." for run in runs),
        "",
        *(["One seed decides nothing.", ""] if most == 1 else ["Few seeds decide nothing.", ""] if most < 5 else []),
        *([note, ""] if note else []),
        f"{protocol_line(first).capitalize()}.",
        "",
        f"![Scores]({target.name}.png)",
        "",
        f"Each figure is the mean of {number} games, {brackets}"
        f"{'; of the paper the mean of its seeds, the lowest and the highest seed' if paper else ''}."
        f"{f' The table has {ROWS} of {shown} evaluations; the curves have all.' if shown > ROWS else ''}",
        "",
        *table(runs),
        "",
        "The activations at the last evaluation, over the histograms of their inputs:",
        "",
        f"![Shapes]({target.name}_shapes.png)",
        "",
        f"Made by `python scripts/run_page.py docs/{target.name} RUN{' ...' if len(runs) > 1 else ''}"
        f"{' --curves paper_curves.csv.gz' if paper else ''}{' --note ...' if note else ''}`, from",
        "",
        *(f"    {_command(run)}" for run in runs),
    ]
    return "\n".join(lines) + "\n"


def _end(run: Shown) -> str:
    """How far it came, and how much its network could tell apart then (docs/plasticity.md)."""
    reached, asked = run.steps[-1], run.config.steps
    end = f"finished at step {reached:,}" if reached >= asked else f"up to step {reached:,} of {asked:,}"
    rank = run.measures.get("plasticity/effective_rank")
    return f"{end}, where the effective rank of its features is {rank[1][-1]:.0f}" if rank else end


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
    options.target.with_suffix(".md").write_text(text(runs, options.target, options.note))


if __name__ == "__main__":
    main()
