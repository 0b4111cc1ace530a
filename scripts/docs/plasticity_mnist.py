"""Published results on MNIST beside ours: docs/plasticity_mnist.md and the table behind it.

    python scripts/docs/plasticity_mnist.py [FOLDER]

Finished runs of the plans in FOLDER/runs are added to scores.csv in docs/runs/plasticity_mnist, which keeps those of
earlier calls.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
from plasticity_study import finished_runs, label, score, tasks_of

from rrn.study.plan import load_plan, take_part

DATA = Path(__file__).resolve().parents[2] / "docs/runs/plasticity_mnist"
PLANS = {"permuted_inputs": "permuted_mnist", "random_labels": "random_label_mnist"}
TITLES = {"permuted_inputs": "Permuted MNIST", "random_labels": "Random labels of MNIST"}
PART = 10  # one in so many tasks makes the first and the last scores
COLUMNS = ("task", "act", "learning_rate", "seed", "all", "first", "last")
Key = tuple[str, str, str, int]  # task, activation, learning rate, seed


def read_scores(path: Path) -> dict[Key, list[float]]:
    """Read the scores of earlier calls: of all tasks, the first ones and the last ones."""
    if not path.exists():
        return {}
    with open(path, newline="") as file:
        found = list(csv.DictReader(file))
    return {
        (row["task"], row["act"], row["learning_rate"], int(row["seed"])): [float(row[name]) for name in COLUMNS[4:]]
        for row in found
    }


def add_finished(scores: dict[Key, list[float]], folder: Path) -> None:
    """Add the finished runs of the plans."""
    for task, plan in PLANS.items():
        for run, place in finished_runs([plan], folder):
            tasks = tasks_of(place)
            part = len(tasks) // PART
            act, rate = label(run.method)
            scores[task, act, rate, run.seed] = [score(tasks), score(tasks[:part]), score(tasks, part)]


def table(task: str, scores: dict[Key, list[float]], published: dict[str, str]) -> list[str]:
    """Return a row for each activation and learning rate, with the published score first."""
    found: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for (own, act, rate, _), values in sorted(scores.items()):
        if own == task:
            found[act, rate].append(values)
    acts = list(dict.fromkeys([*published, *(act for act, _ in found)]))
    lines = [
        "| activation | published | learning rate | seeds | ours, lowest to highest seed | first tenth | last tenth |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for act in acts:
        for rate in sorted((rate for own, rate in found if own == act), key=float, reverse=True):
            values = np.array(found[act, rate])
            whole, first, last = values.mean(0)
            ends = f"{whole:.1f} ({values[:, 0].min():.1f} to {values[:, 0].max():.1f})"
            cells = [act, published.get(act, ""), rate, str(len(values)), ends, f"{first:.1f}", f"{last:.1f}"]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="where the studies were started")
    options = parser.parse_args()
    scores = read_scores(DATA / "scores.csv")
    if options.folder:
        add_finished(scores, options.folder)
        with open(DATA / "scores.csv", "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows([*key, *(f"{x:.4f}" for x in scores[key])] for key in sorted(scores))
    with open(DATA / "published.csv", newline="") as file:
        listed = list(csv.DictReader(file))
    planned = sum(len(take_part(load_plan(plan), []).runs()) for plan in PLANS.values())
    parts = [(DATA / "note.md").read_text("utf-8").rstrip(), f"{len(scores)} of the {planned} runs are here."]
    for task, title in TITLES.items():
        if any(key[0] == task for key in scores):
            published = {row["act"]: row[task] for row in listed}
            parts += [f"## {title}", "Mean online accuracy in per cent.", "\n".join(table(task, scores, published))]
    text = "\n\n".join(parts) + "\n"
    (DATA.parents[1] / "plasticity_mnist.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
