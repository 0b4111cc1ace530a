"""Plasticity in reinforcement learning: docs/plasticity_rl.md, its pictures and the table behind them.

    python scripts/docs/plasticity_rl.py [FOLDER]

Finished runs of the plans continual and replay_ratio in FOLDER/runs are added to the table rl.csv.gz in
docs/runs/plasticity, which keeps those of earlier calls. What the page says in words is in rl.md there.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections import defaultdict
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from plasticity_study import finished_runs, write_packed

from rrn.runs.scalars import read_measures
from rrn.study.plan import load_plan, take_part

DOCS = Path(__file__).resolve().parents[2] / "docs"
PLANS = ("continual", "replay_ratio")
ACTS = ("relu", "tanh", "crelu_equal", "rational", "recurrent_rational")
GAMES = ("Breakout", "Asterix", "SpaceInvaders")
PHASE = 250_000  # agent steps of a game in the sequence
LAST = 5  # evaluations behind a score, half of a phase
MEASURES = ("evaluation/mean", "plasticity/dormant", "plasticity/effective_rank")
COLUMNS = ("study", "part", "act", "seed", "step", "mean", "dormant", "effective_rank")
LINES = {  # how an agent came to a game: name of the line, colour, style; told apart without colour too
    "fresh": ("fresh agent", "#000000", "-"),
    "first": ("in the sequence, first time", "#0072b2", "--"),
    "second": ("in the sequence, second time", "#d55e00", "-."),
    "warm": ("weights of Breakout", "#009e73", ":"),
}
MARKERS = dict(zip(ACTS, "o^DsP", strict=True))
Key = tuple[str, str, str, int]  # study, part, activation, seed
Curve = np.ndarray  # [evaluations, 4] agent step, mean return, share of dormant units, effective rank


def read_table(path: Path) -> dict[Key, Curve]:
    """Read the table of earlier calls."""
    rows: dict[Key, list[list[float]]] = defaultdict(list)
    if path.exists():
        with gzip.open(path, "rt", newline="") as file:
            for row in csv.DictReader(file):
                key = row["study"], row["part"], row["act"], int(row["seed"])
                rows[key].append([float(row[name]) for name in COLUMNS[4:]])
    return {key: np.array(curve) for key, curve in rows.items()}


def write_table(path: Path, runs: dict[Key, Curve]) -> None:
    """Write a row for each evaluation of each run."""
    lines = [",".join(COLUMNS)]
    for key, curve in sorted(runs.items()):
        lines += [",".join([*map(str, key), *(f"{value:.6g}" for value in row)]) for row in curve]
    write_packed(path, lines)


def add_finished(runs: dict[Key, Curve], folder: Path) -> None:
    """Add the finished runs of the plans."""
    for run, path in finished_runs(PLANS, folder):
        study, place, name, _ = run.folder.parts[-4:]
        part = place if study == "continual" else f"{place} {name.rpartition('-')[2]}"
        logged = read_measures(path / "scalars.csv")
        steps = logged[MEASURES[0]][0]
        curve = np.stack([steps, *(logged[name][1][: len(steps)] for name in MEASURES)], 1)
        runs[study, part, run.method.act, run.seed] = curve


def visit(runs: dict[Key, Curve], game: str, how: str, act: str) -> list[Curve]:
    """Return the evaluations on a game, agent steps counted from its beginning, for each seed.

    Args:
        runs: all of them.
        game: one of GAMES.
        how: one of LINES.
        act: name of the activation.
    """
    part = {"fresh": game, "warm": f"{game}_after_Breakout"}.get(how, "sequence")
    seeds = [curve for key, curve in sorted(runs.items()) if key[:3] == ("continual", part, act)]
    start = 0 if part != "sequence" else PHASE * (GAMES.index(game) + (len(GAMES) if how == "second" else 0))
    at = [(curve[:, 0] > start) & (curve[:, 0] <= start + PHASE) for curve in seeds]
    return [curve[rows] - [start, 0, 0, 0] for curve, rows in zip(seeds, at, strict=True)]


def cell(curves: list[Curve]) -> str:
    """Return the mean score of some runs, and that of each."""
    scores = [curve[-LAST:, 1].mean() for curve in curves]
    return f"{np.mean(scores):.1f} ({', '.join(f'{score:.1f}' for score in scores)})" if scores else ""


def sequence_tables(runs: dict[Key, Curve]) -> list[str]:
    """Return a table for each game: scores of those that came to it in different ways."""
    parts = []
    for game in GAMES:
        lines = [f"| {game} | {' | '.join(name for name, *_ in LINES.values())} |", "| --- |" + " --- |" * len(LINES)]
        lines += [f"| {act} | {' | '.join(cell(visit(runs, game, how, act)) for how in LINES)} |" for act in ACTS]
        parts.append("\n".join(lines))
    return parts


def draw_sequence(runs: dict[Key, Curve]) -> Figure:
    """Draw the return after the beginning of each game, mean and range of the seeds."""
    figure = Figure(figsize=(10, 11), layout="constrained")
    grid = figure.subplots(len(ACTS), len(GAMES), sharex=True, sharey="col", squeeze=False)
    for row, act in zip(grid, ACTS, strict=True):
        for ax, game in zip(row, GAMES, strict=True):
            for how, (name, colour, style) in LINES.items():
                curves = visit(runs, game, how, act)
                if curves:
                    means = np.stack([curve[:, 1] for curve in curves])
                    steps = curves[0][:, 0] / 1000
                    ax.plot(steps, means.mean(0), color=colour, linestyle=style, label=name)
                    ax.fill_between(steps, means.min(0), means.max(0), color=colour, alpha=0.12, linewidth=0)
            ax.set_title(f"{act}, {game}", fontsize=9)
            ax.grid(alpha=0.3)
    for ax in grid[-1]:
        ax.set_xlabel("1,000 agent steps since the game began")
    for ax in grid[:, 0]:
        ax.set_ylabel("mean return")
    handles, labels = grid[0, -1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9, frameon=False)
    return figure


def ratios(runs: dict[Key, Curve]) -> dict[str, dict[tuple[str, int], list[Curve]]]:
    """Return, by game, the runs of each activation and number of updates."""
    found: dict[str, dict[tuple[str, int], list[Curve]]] = defaultdict(lambda: defaultdict(list))
    for (study, part, act, _), curve in sorted(runs.items()):
        if study == "replay_ratio":
            game, _, times = part.partition(" x")
            found[game][act, int(times)].append(curve)
    return found


def acts_of(found: dict[tuple[str, int], list[Curve]]) -> list[str]:
    """Return the activations of some runs, in the order of all tables."""
    return [act for act in ACTS if any(name == act for name, _ in found)]


def ratio_tables(runs: dict[Key, Curve]) -> list[str]:
    """Return a table for each game: score, dormant units and effective rank for each number of updates."""
    parts = []
    for game, found in ratios(runs).items():
        times = sorted({number for _, number in found})
        lines = [f"| {game} | {' | '.join(f'x{number}' for number in times)} |", "| --- |" + " --- |" * len(times)]
        for act in acts_of(found):
            lines.append(f"| {act} | {' | '.join(cell(found.get((act, number), [])) for number in times)} |")
        for name, column, unit in (("dormant units", 2, "%"), ("effective rank", 3, "")):
            for act in acts_of(found):
                ends = [np.mean([curve[-1, column] for curve in found[act, number]]) for number in times]
                cells = (f"{100 * end:.1f} %" if unit else f"{end:.0f}" for end in ends)
                lines.append(f"| {act}, {name} at the end | {' | '.join(cells)} |")
        parts.append("\n".join(lines))
    return parts


def draw_ratios(runs: dict[Key, Curve]) -> Figure:
    """Draw the score over the number of updates, a point for each seed and a line for their mean."""
    games = ratios(runs)
    figure = Figure(figsize=(5.5 * len(games), 3.6), layout="constrained")
    for ax, (game, found) in zip(figure.subplots(1, len(games), squeeze=False)[0], games.items(), strict=True):
        for act in acts_of(found):
            times = sorted(number for name, number in found if name == act)
            scores = [[curve[-LAST:, 1].mean() for curve in found[act, number]] for number in times]
            (line,) = ax.plot(times, [np.mean(one) for one in scores], marker=MARKERS[act], label=act)
            for number, seeds in zip(times, scores, strict=True):
                ax.scatter([number] * len(seeds), seeds, s=8, color=line.get_color(), alpha=0.5)
        ax.set(title=game, xlabel="updates, times those of the default", ylabel="mean return", xscale="log")
        ax.set_xticks(times, map(str, times))
        ax.minorticks_off()
        ax.grid(alpha=0.3)
        ax.legend(fontsize=8)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="where the studies were started")
    options = parser.parse_args()
    data = DOCS / "runs/plasticity"
    runs = read_table(data / "rl.csv.gz")
    if options.folder:
        add_finished(runs, options.folder)
        write_table(data / "rl.csv.gz", runs)
    planned = sum(len(take_part(load_plan(study), []).runs()) for study in PLANS)
    parts = [(data / "rl.md").read_text("utf-8").rstrip(), f"{len(runs)} of the {planned} runs are here."]
    if any(key[0] == "continual" for key in runs):
        draw_sequence(runs).savefig(DOCS / "plasticity_rl.png", dpi=80)
        picture = "![Mean return after the beginning of each game, for each activation](plasticity_rl.png)"
        parts += ["## One game after the other", picture, *sequence_tables(runs)]
    if any(key[0] == "replay_ratio" for key in runs):
        draw_ratios(runs).savefig(DOCS / "replay_ratio.png", dpi=90)
        picture = "![Score over the number of updates, for each activation](replay_ratio.png)"
        parts += ["## More updates", picture, *ratio_tables(runs)]
    text = "\n\n".join(parts) + "\n"
    (DOCS / "plasticity_rl.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
