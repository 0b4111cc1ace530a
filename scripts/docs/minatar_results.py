"""Table and curves of the MinAtar runs: docs/results.md, docs/minatar.png and the data behind them, docs/minatar.csv.

    python scripts/docs/minatar_results.py runs

Finished runs in the folder are added to the data, which keeps those of earlier calls; docs/results.md says how they are
made. Runs with other settings are left out, and named.
"""

from __future__ import annotations

import argparse
import csv
import textwrap
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import ttest_ind

from rrn.config import MinAtarConfig
from rrn.config.compose import compose_config
from rrn.config.games import MINATAR_GAMES
from rrn.report.runs import read_runs, settings
from rrn.stats import Interval, difference, holm, seeds_interval
from rrn.study.plan import load_plan

PLANS = ("minatar", "pqn")  # each with differences and a correction of its own
ACTS = ("relu", "leaky_relu", "silu", "rational", "recurrent_rational")
COLOURS = ("#888888", "#56b4e9", "#009e73", "#e69f00", "#d55e00")  # distinguishable with any colour vision
CHANCE = 0.13  # of a 95 % bootstrap interval between 5 and 5 normal scores to leave out a true difference of 0
LAST = 5  # evaluations behind a score
RESAMPLES = 10_000
COLUMNS = ("agent", "env", "act", "seed", "step", "mean")
Key = tuple[str, str, str, int]
Curve = list[tuple[int, float]]
INTRO = """# Results on MinAtar

Runs of 1 M agent steps each, made and summarised by

    python -m rrn.study minatar start
    python -m rrn.study pqn start
    python scripts/docs/minatar_results.py runs

The rows with act.lr=0.0015 are of further runs, seeds 0 and 1, which the picture leaves out. One of them:

    python -m rrn.train agent=ppo env=MinAtar-Asterix act=rational act.lr=1.5e-3 steps=1M run_dir=runs/fast

The score of a run is the mean of its last 5 evaluations, of 20 whole games each; `python -m rrn.report` takes the last
one alone, as the paper does. An interval is the percentile bootstrap over seeds, 95 %; there is none for fewer than
three.

![Scores over training, every seed thin, their mean thick](minatar.png)
"""
NOTE = """## Limits of these results

Two seeds decide nothing; five are few, and bootstrap intervals over so few are too narrow: of normal scores, they hold
the true mean in 84 % of cases instead of 95 %, and those of a difference leave out 0 in 13 % of cases without any. The
test above takes scores as normal. Differences are of scores that are not rounded.

All activations share all settings except the learning rate of the coefficients of rationals with PPO (details.md,
no. 52). Those of PPO were chosen with relu on seed 10 (no. 39), those of DQN follow Young and Tian's with the changes
of no. 38. An activation that needs another learning rate loses here. With that of the weights, the rows with
act.lr=0.0015, rationals do not learn Asterix. Seeing this on seeds 0 and 1 led to the search on seed 10 that chose
another one, and leaky_relu and silu had no such search.

Scores of dqn and ppo do not compare: DQN takes the best action but for 5 % of random ones, PPO draws from its policy.
PQN acts as DQN. Its authors publish no table for MinAtar, and play that of gymnax, which has no sticky actions
(details.md, no. 70).

Young and Tian (2019) show the scores of their DQN as curves over 5 M frames; their numbers are not available here for
a comparison. Their DQN makes an update at each step, ours one in four with four parallel environments, so that a target
is 250 updates old at most where theirs is 1,000.

PPO on Pong, two hours on one core of a processor: [pong_ppo.md](pong_ppo.md).
"""


def read_data(path: Path) -> dict[Key, Curve]:
    curves: dict[Key, Curve] = defaultdict(list)
    if path.exists():
        with open(path) as file:
            for row in csv.DictReader(file):
                key = (row["agent"], row["env"], row["act"], int(row["seed"]))
                curves[key].append((int(row["step"]), float(row["mean"])))
    return curves


def finished(folder: Path) -> dict[Key, Curve]:
    """The evaluations of each finished MinAtar run that has the usual settings, but for the learning rate act.lr."""
    runs, damaged = read_runs([folder])
    print(*damaged, sep="\n")
    curves = {}
    for run in runs:
        config, curve = run.config, run.curve
        if not isinstance(config.env, MinAtarConfig) or curve.game not in MINATAR_GAMES:
            continue
        if not run.is_finished:
            print(f"left out: {run.folder} is {run.state}")
            continue
        usual = compose_config([f"agent={curve.agent}", f"env={curve.game}", f"act={config.act.name}"])
        own, expected = ({"steps": one.steps, **settings(one)} for one in (config, usual))
        differ = sorted(name for name in own if own[name] != expected.get(name))
        act = config.act.name
        if differ == ["act.lr"]:
            act += f" (act.lr={config.agent.learning_rate if config.act.lr is None else config.act.lr:g})"
        elif differ:
            print(f"left out: {run.folder} has its own {', '.join(differ)}")
            continue
        curves[curve.agent, curve.game, act, curve.seed] = list(zip(curve.steps, curve.means, strict=True))
    return curves


def write_data(path: Path, curves: dict[Key, Curve]) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((*key, step, f"{mean:g}") for key in sorted(curves) for step, mean in curves[key])


def score(curve: Curve) -> float:
    return float(np.mean([mean for _, mean in curve[-LAST:]]))


def scores(agent: str, env: str, act: str, curves: dict[Key, Curve]) -> list[float]:
    """Of the seeds, in their order."""
    return [score(curves[key]) for key in sorted(curves) if key[:3] == (agent, env, act)]


def from_relu(agent: str, env: str, act: str, curves: dict[Key, Curve]) -> Interval | None:
    """The difference from relu; None for relu, and for fewer than three seeds."""
    both = [scores(agent, env, one, curves) for one in (act, "relu")]
    return difference(*both, RESAMPLES) if act != "relu" and min(map(len, both)) >= 3 else None


def table(agent: str, env: str, curves: dict[Key, Curve]) -> list[str]:
    """Rows of one agent on one game: each activation, and its difference from relu."""
    lines = []
    for act in (*ACTS, *sorted({key[2] for key in curves} - set(ACTS))):
        found = scores(agent, env, act, curves)
        if found:
            gap = from_relu(agent, env, act, curves)
            each = ", ".join(f"{one:.1f}" for one in found)
            against = gap.text(1, sign=True) if gap else "-"
            lines.append(f"| {act} | {seeds_interval(found, RESAMPLES).text(1)} | {each} | {against} |")
    return lines


def in_short(agents: list[str], games: list[str], curves: dict[Key, Curve]) -> str:
    """Say which differences from relu are beyond chance."""
    gaps = {
        (agent, env, act): gap
        for agent in agents
        for env in games
        for act in ACTS
        if (gap := from_relu(agent, env, act, curves)) is not None
    }
    chances = holm(
        [ttest_ind(scores(*key, curves), scores(*key[:2], "relu", curves), equal_var=False).pvalue for key in gaps]
    )
    sure = [
        f"{' '.join(key)} {gap.text(1, sign=True)}"
        for (key, gap), chance in zip(gaps.items(), chances, strict=True)
        if chance <= 0.05
    ]
    apart = sum(gap.low > 0 or gap.high < 0 for gap in gaps.values())
    return "\n".join(
        textwrap.wrap(
            f"In short, {' and '.join(agents)}: of {len(gaps)} differences from relu, {len(sure)} are beyond chance, "
            f"all of them taken together (Welch's t test with Holm's correction, at 5 %): {', '.join(sure) or 'none'}. "
            f"The intervals below are each on its own, and too narrow: {apart} of them leave out 0, and without any "
            f"true difference about {CHANCE * len(gaps):.0f} would. None of this is about Atari.",
            120,
            break_on_hyphens=False,
        )
    )


def draw(curves: dict[Key, Curve], agents: list[str], games: list[str]) -> Figure:
    """Every seed thin, the mean over seeds thick."""
    figure = Figure(figsize=(4.2 * len(games), 3.4 * len(agents)), layout="constrained")
    axes = figure.subplots(len(agents), len(games), squeeze=False)
    for row, agent in zip(axes, agents, strict=True):
        for ax, env in zip(row, games, strict=True):
            for act, colour in zip(ACTS, COLOURS, strict=True):
                found = [curves[key] for key in sorted(curves) if key[:3] == (agent, env, act)]
                for curve in found:
                    steps, means = zip(*curve, strict=True)
                    ax.plot(np.array(steps) / 1e6, means, color=colour, linewidth=0.6, alpha=0.5)
                if found:
                    shortest = min(map(len, found))
                    middle = np.mean([[mean for _, mean in curve[:shortest]] for curve in found], axis=0)
                    steps = np.array([step for step, _ in found[0][:shortest]]) / 1e6
                    ax.plot(steps, middle, color=colour, linewidth=2.2, label=f"{act} ({len(found)})")
            ax.set(title=f"{agent}, {env.removeprefix('MinAtar-')}", xlabel="M agent steps", ylabel="score")
            ax.grid(alpha=0.3)
            if ax.lines:
                ax.legend(fontsize=7, title="activation (seeds)", title_fontsize=7, framealpha=0.6)
            else:
                ax.text(0.5, 0.5, "no run yet", ha="center", transform=ax.transAxes)
                ax.set(xticks=[], yticks=[])
    return figure


def read_options(about: str, name: str, finished: Callable[[Path], dict[Key, Curve]]) -> tuple[Path, dict[Key, Curve]]:
    """Read the command line; return the folder of the pages, and the curves of its data with those of a folder of runs.

    Args:
        about: what the script does.
        name: of the file with the data, which is written if there are runs.
        finished: reads the curves of the runs in a folder.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="?", help="folder with runs; none: make the page from the data again")
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    options = parser.parse_args()
    data = options.docs / name
    curves = read_data(data)
    if options.runs:
        curves |= finished(options.runs)
        write_data(data, curves)
    return options.docs, curves


def main() -> None:
    docs, curves = read_options(__doc__, "minatar.csv", finished)
    agents = sorted({key[0] for key in curves}, reverse=True)
    games = sorted({key[1] for key in curves})
    draw(curves, agents, games).savefig(docs / "minatar.png", dpi=90)
    lines = [INTRO]
    for name in PLANS:
        plan = load_plan(name)
        of_plan = sorted({method.agent for method in plan.methods} & set(agents), reverse=True)
        planned = len(plan.games) * len(plan.methods) * plan.seeds
        done = sum(key[0] in of_plan and key[2] in ACTS for key in curves)
        here = f"All {planned} runs of the study" if done == planned else f"{done} of the {planned} runs of the study"
        lines += [f"{here} {name} {'is' if done == 1 else 'are'} here.", ""]
        if any(from_relu(*key[:3], curves) for key in curves if key[0] in of_plan):
            lines += [in_short(of_plan, games, curves), ""]
    for agent in agents:
        for env in games:
            rows = table(agent, env, curves)
            if rows:
                lines += [f"## {agent}, {env}", "", "| activation | score, 95 % interval | each seed | against relu |"]
                lines += ["| --- | --- | --- | --- |", *rows, ""]
    text = "\n".join(lines) + "\n" + NOTE
    (docs / "results.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
