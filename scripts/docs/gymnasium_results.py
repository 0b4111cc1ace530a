"""Table and curves of the runs on environments of Gymnasium: docs/gymnasium.md, its picture and the data behind them.

    python scripts/docs/gymnasium_results.py runs

Finished runs of the plans gymnasium and mujoco in the folder are added to docs/gymnasium.csv, which keeps those of
earlier calls. Published returns are those of docs/runs/gymnasium/published.csv.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from minatar_results import COLOURS, LAST, Curve, Key, read_options, score

from rrn.config.compose import compose_config
from rrn.report.runs import read_runs, settings
from rrn.stats import seeds_interval
from rrn.study.plan import load_plan

PLANS = ("gymnasium", "mujoco")
GOALS = {"LunarLander-v3": 200.0, "Acrobot-v1": -100.0}
RESAMPLES = 10_000
INTRO = f"""# Vectors: LunarLander, Acrobot and HalfCheetah

Each agent with its default settings for the environment, but for the network of the MuJoCo plan; one thread. Made and
summarised by

    python -m rrn.study gymnasium start
    python -m rrn.study mujoco start
    python scripts/docs/gymnasium_results.py runs

The score of a run is the mean of its last {LAST} evaluations of 10 whole episodes each. DQN takes the best action but
for 5 % of random ones, PPO draws from its policy. "first at the goal" is the first agent step with an evaluation there.

![Mean return of the evaluations over training, a line for each seed](gymnasium.png)

"""


def finished(folder: Path) -> dict[Key, Curve]:
    """Return the evaluations of each finished run that has the settings of a plan."""
    planned = {}
    for plan in map(load_plan, PLANS):
        for game in plan.games:
            for method in plan.methods:
                words = [
                    *plan.overrides,
                    f"agent={method.agent}",
                    f"env={game}",
                    f"act={method.act}",
                    *method.overrides,
                ]
                config = compose_config(words)
                planned[config.agent.name, config.env.name, config.act.name] = config.steps, settings(config)
    runs, damaged = read_runs([folder])
    print(*damaged, sep="\n")
    curves = {}
    for run in runs:
        kind = run.config.agent.name, run.config.env.name, run.config.act.name
        if not run.is_finished:
            print(f"left out: {run.folder} is {run.state}")
        elif planned.get(kind) != (run.config.steps, settings(run.config)):
            print(f"left out: {run.folder} has settings of no plan")
        else:
            curves[(*kind, run.curve.seed)] = list(zip(run.curve.steps, run.curve.means, strict=True))
    return curves


def table(curves: dict[Key, Curve]) -> list[str]:
    """Return the rows of the table, one for each environment, agent and activation."""
    lines = []
    for env, agent, act in sorted({(key[1], key[0], key[2]) for key in curves}):
        seeds = [curves[key] for key in sorted(curves) if key[:3] == (agent, env, act)]
        scores = [score(curve) for curve in seeds]
        goal = GOALS.get(env, float("inf"))
        first = [next((f"{step:,}" for step, mean in curve if mean >= goal), "-") for curve in seeds]
        cells = [
            env,
            agent,
            act,
            f"{max(curve[-1][0] for curve in seeds):,}",
            seeds_interval(scores, RESAMPLES).text(1),
            ", ".join(f"{one:.1f}" for one in scores),
            ", ".join(first) if env in GOALS else "no goal set",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def published(path: Path, envs: set[str]) -> list[str]:
    """Return the rows of published scores on these environments, whatever version of them."""
    kinds = {env.partition("-v")[0] for env in envs}
    with open(path) as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        found = [row for row in rows if row["environment"].partition("-v")[0] in kinds]
    for row in found:
        repository, file, commit = row["source"].split()
        row["source"] = f"{repository}/{file}, {commit}"
    return [
        f"| {row['environment']} | {row['agent']} | {row['implementation']} | {int(row['steps']):,} | "
        f"{float(row['score']):.1f} | {float(row['sd']):.1f} | {row['seeds']} | {row['source']} |"
        for row in found
    ]


def draw(curves: dict[Key, Curve]) -> Figure:
    """Draw a line for each seed, an axis for each environment."""
    envs = sorted({key[1] for key in curves})
    figure = Figure(figsize=(4.2 * len(envs), 3.2), layout="constrained")
    for ax, env in zip(figure.subplots(1, len(envs), squeeze=False)[0], envs, strict=True):
        kinds = sorted({(key[0], key[2]) for key in curves if key[1] == env})
        for (agent, act), colour in zip(kinds, COLOURS[-len(kinds) :], strict=True):
            for number, key in enumerate(key for key in sorted(curves) if key[:3] == (agent, env, act)):
                steps, means = np.array(curves[key]).T
                label = None if number else f"{agent}, {act}"
                ax.plot(steps / 1e6, means, color=colour, linewidth=1.2, alpha=0.8, label=label)
        if env in GOALS:
            ax.axhline(GOALS[env], color="black", linewidth=0.8, linestyle=":", label=f"goal, {GOALS[env]:g}")
        ax.set(title=env, xlabel="M agent steps", ylabel="mean return")
        ax.grid(alpha=0.3)
        ax.legend(fontsize=7)
    return figure


def main() -> None:
    docs, curves = read_options(__doc__, "gymnasium.csv", finished)
    draw(curves).savefig(docs / "gymnasium.png", dpi=90)
    lines = [
        "| environment | agent | activation | agent steps | score, 95 % interval | each seed | first at the goal |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *table(curves),
        "",
        "What others publish, on the version of the environment that they had. rl-baselines3-zoo plays one trained",
        "agent with its likeliest actions, sd is over episodes; CleanRL has episodes of training, and sd is what",
        "follows +- there.",
        "",
        "| environment | agent | implementation | steps | score | sd | seeds | source |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *published(docs / "runs" / "gymnasium" / "published.csv", {key[1] for key in curves}),
    ]
    planned = sum(len(plan.games) * len(plan.methods) * plan.seeds for plan in map(load_plan, PLANS))
    here = "" if len(curves) == planned else f"{len(curves)} of the {planned} runs are here.\n\n"
    text = INTRO + here + "\n".join(lines) + "\n"
    (docs / "gymnasium.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
