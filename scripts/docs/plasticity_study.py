"""The plasticity study: docs/plasticity_study.md, its pictures and the table behind them.

    python scripts/docs/plasticity_study.py [FOLDER]

Finished runs of the plans in FOLDER/runs are added to the table tasks.csv.gz in docs/runs/plasticity, which keeps those
of earlier calls. What the study says in words is in note.md there.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from plasticity_figures import draw_measures, draw_tasks
from scipy.stats import ttest_ind

from rrn.runs.scalars import read_measures
from rrn.runs.status_file import read_status
from rrn.stats import Interval, holm, interval, iqm, probability_of_improvement
from rrn.study.plan import Method, PlannedRun, load_plan, take_part

DOCS = Path(__file__).resolve().parents[2] / "docs"
PLANS = ("plasticity_rates", "plasticity")
CHOOSING = 100  # seeds from here on chose the learning rate
RATES = 5  # at least, to choose from
LAST = 5  # tasks behind the second score
RESAMPLES = 10_000
BASE, MAIN = "relu", ("rational", "recurrent_rational", "tanh")  # the comparisons that were decided on
MEASURES = {  # of the log at the end of a task, under the name of a column
    "accuracy": "evaluation/mean",
    "after": "evaluation/after",
    "dormant": "plasticity/dormant",
    "effective_rank": "plasticity/effective_rank",
    "curvature": "plasticity/curvature",
    "distance": "plasticity/distance",
}
NORMS = ("weight_norm", "gradient_norm", "moved_since_start")  # of all layers together
COLUMNS = ("method", "learning_rate", "seed", "task", *MEASURES, *NORMS)
WORDS = {  # of a method's own settings, in the tables; others stand there as they are
    "network.norm=layer": "LayerNorm",
    "agent.reset=all": "new network for each task",
    "agent.reset=last": "last layer reset",
    "agent.shrink=0.5": "shrink and perturb",
    "agent.perturb=0.5": "",
    "agent.weight_decay=1e-3": "L2 of 1e-3",
    "agent.weight_decay=1e-4": "L2 of 1e-4",
    "act.trainable=false": "frozen",
    "act.freeze_after=7500": "frozen after 5 tasks",
    "act.init=tanh": "starts as tanh",
    "act.lr=1e-4": "coefficients at 1e-4",
    "act.lr=1e-2": "coefficients at 1e-2",
    "act.version=B": "version B",
    "act.degrees=[3,2]": "degrees 3 and 2",
    "act.degrees=[7,6]": "degrees 7 and 6",
    "act.per=channel": "one for each unit",
}
MEASURES_PICTURE = """![Accuracy beside six measures of plasticity](plasticity_measures.png)

Each point is a run: the mean of a measure at the end of the last five tasks, and of the accuracy there. Norms are of
all layers together; the last gradient is that of one minibatch. What is measured: [plasticity.md](plasticity.md)."""
REMEDIES = ("new network", "last layer", "shrink", "L2")  # in the names of methods; their table has relu beside them
Key = tuple[str, str, int]  # method, learning rate, seed
Tasks = list[dict[str, float]]  # a row of COLUMNS for each task


def label(method: Method) -> tuple[str, str]:
    """Return the name of a method in the tables, and its learning rate as it is written in the plan."""
    rate, own = "", [method.act]
    for word in method.overrides:
        if word.startswith("agent.learning_rate="):
            rate = word.partition("=")[2]
        elif not word.startswith("run_dir="):
            own.append(WORDS.get(word, word))
    return ", ".join(filter(None, own)), rate


def tasks_of(folder: Path) -> Tasks:
    """Read the tasks of a run from its log."""
    logged = read_measures(folder / "scalars.csv")
    steps, _ = logged["evaluation/mean"]
    rows: Tasks = [{"task": number} for number in range(1, len(steps))]  # the first evaluation is before training
    at = {step: row for step, row in zip(steps[1:].tolist(), rows, strict=True)}
    for name, (when, values) in logged.items():
        column = next((column for column, of in MEASURES.items() if of == name), None)
        part = name.removeprefix("plasticity/").partition("/")[0]
        for step, value in zip(when.tolist(), values.tolist(), strict=True):
            if step not in at:
                continue
            if column:
                at[step][column] = value
            elif part in NORMS:  # squares add up
                at[step][part] = float(np.hypot(at[step].get(part, 0.0), value))
    return rows


def read_table(path: Path) -> dict[Key, Tasks]:
    """Read the table of earlier calls."""
    runs: dict[Key, Tasks] = defaultdict(list)
    if path.exists():
        with gzip.open(path, "rt", newline="") as file:
            for row in csv.DictReader(file):
                key = row["method"], row["learning_rate"], int(row["seed"])
                runs[key].append({name: float(row[name]) for name in COLUMNS[3:] if row[name]})
    return dict(runs)


def write_table(path: Path, runs: dict[Key, Tasks]) -> None:
    """Write a row for each task of each run."""
    lines = [",".join(COLUMNS)]
    for (method, rate, seed), tasks in sorted(runs.items()):
        name = f'"{method}"' if "," in method else method
        for row in tasks:
            values = (f"{row[column]:.6g}" if column in row else "" for column in COLUMNS[3:])
            lines.append(",".join([name, rate, str(seed), *values]))
    write_packed(path, lines)


def write_packed(path: Path, lines: Sequence[str]) -> None:
    """Write lines into a .gz file whose bytes depend on them alone."""
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))


def finished_runs(plans: Sequence[str], folder: Path) -> Iterator[tuple[PlannedRun, Path]]:
    """Yield the finished runs of plans that were started in a folder, each with its own folder; name the others."""
    for run in (run for name in plans for run in take_part(load_plan(name), []).runs()):
        status = read_status(folder / run.folder)
        if status is not None and status.state == "done" and status.step >= run.steps:
            yield run, folder / run.folder
        elif status is not None:
            print(f"left out: {run.folder} is {status.state} at step {status.step:,}")


def add_finished(runs: dict[Key, Tasks], folder: Path) -> None:
    """Add the finished runs of the plans."""
    for run, place in finished_runs(PLANS, folder):
        runs[(*label(run.method), run.seed)] = tasks_of(place)


def score(tasks: Tasks, last: int = 0) -> float:
    """Return the mean online accuracy of a run, in per cent, over all tasks or the last ones."""
    return float(np.mean([row["accuracy"] for row in tasks[-last:]]))


def scores(runs: dict[Key, Tasks], method: str, rate: str, choosing: bool, last: int = 0) -> list[float]:
    """Return the scores of the seeds of a method, of those that chose the learning rate or of the others."""
    return [
        score(tasks, last)
        for (own, at, seed), tasks in sorted(runs.items())
        if (own, at) == (method, rate) and (seed >= CHOOSING) == choosing
    ]


def rates_table(runs: dict[Key, Tasks]) -> tuple[list[str], dict[str, str]]:
    """Return the table of all learning rates, and the best one of each method."""
    rates = sorted({rate for _, rate, seed in runs if seed >= CHOOSING}, key=float)
    lines, best = [f"| method | {' | '.join(rates)} |", "| --- |" + " --- |" * len(rates)], {}
    for method in dict.fromkeys(method for method, _, seed in sorted(runs) if seed >= CHOOSING):
        means = {rate: np.mean(found) for rate in rates if (found := scores(runs, method, rate, True))}
        best[method] = max(means, key=lambda rate: means[rate])
        cells = [f"{means[rate]:.1f}" if rate in means else "" for rate in rates]
        if len(means) >= RATES:  # else the choice is still open
            cells[rates.index(best[method])] = f"**{cells[rates.index(best[method])]}**"
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return lines, best


def results_tables(runs: dict[Key, Tasks], best: dict[str, str]) -> list[str]:
    """Return the tables of the scores on the seeds that chose nothing, each with a title."""
    found = list(dict.fromkeys(key[:2] for key in sorted(runs) if key[2] < CHOOSING))
    compared = [(method, rate) for method, rate in found if best.get(method) == rate]
    others = [key for key in found if key not in compared]
    remedies = [key for key in others if key[0] == BASE or any(word in key[0] for word in REMEDIES)]
    tables = {
        "## Results": compared,
        "## Other remedies": remedies,
        "## Why": [*(key for key in compared if key[0] == "rational"), *(key for key in others if key not in remedies)],
    }
    parts = []
    for title, keys in tables.items():
        if keys:
            parts += [title, "\n".join(_rows(runs, keys, (BASE, best[BASE]), tested=keys is compared))]
    return parts


def _rows(runs: dict[Key, Tasks], keys: list[tuple[str, str]], base: tuple[str, str], tested: bool) -> list[str]:
    """Return the rows of a table, the best method first; with `tested`, with the tests that were decided on."""
    whole, last = ({key: scores(runs, *key, False, part) for key in {*keys, base}} for part in (0, LAST))
    main = [key for key in keys if key[0] in MAIN] if tested and whole[base] else []
    chances = [ttest_ind(whole[key], whole[base], equal_var=False).pvalue for key in main]
    p_of = {key: f"{p:.2g}" for key, p in zip(main, holm(chances) if main else (), strict=True)}
    lines = [
        f"| method | learning rate | seeds | all tasks | last {LAST} tasks | beats {BASE} | p |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for key in sorted(keys, key=lambda key: -np.mean(whole[key])):
        better = probability_of_improvement({"": whole[key]}, {"": whole[base]}, RESAMPLES) if whole[base] else None
        cells = [*key, str(len(whole[key])), _iqm(whole[key]).text(1), _iqm(last[key]).text(1)]
        cells += [better.text(2) if better and key != base else "", p_of.get(key, "")]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _iqm(values: list[float]) -> Interval:
    return interval({"": values}, iqm, RESAMPLES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="where the studies were started")
    options = parser.parse_args()
    data = DOCS / "runs/plasticity"
    runs = read_table(data / "tasks.csv.gz")
    if options.folder:
        add_finished(runs, options.folder)
        write_table(data / "tasks.csv.gz", runs)
    rates, best = rates_table(runs)
    planned = sum(len(take_part(load_plan(name), []).runs()) for name in PLANS)
    here = f"{len(runs)} of the {planned} runs are here."
    parts = [(data / "note.md").read_text("utf-8").rstrip(), here]
    parts += ["## The learning rate of each method", (data / "rates.md").read_text("utf-8").rstrip(), "\n".join(rates)]
    final = {key: tasks for key, tasks in runs.items() if key[2] < CHOOSING}
    if final:
        draw_tasks(final, best).savefig(DOCS / "plasticity_study.png", dpi=90)
        draw_measures(final, best).savefig(DOCS / "plasticity_measures.png", dpi=90)
        parts += results_tables(runs, best)
        parts += ["## Measures of plasticity", MEASURES_PICTURE]
    text = "\n\n".join(parts) + "\n"
    (DOCS / "plasticity_study.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
