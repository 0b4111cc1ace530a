"""Train a small network on scikit-learn's digits with each activation in each framework, and write the table.

    python scripts/images/digits.py train torch flax keras    # those that are installed here; mxnet in its environment
    python scripts/images/digits.py table                     # docs/images.md from docs/images.csv

Needs scikit-learn beside the frameworks. 1,797 images of 8x8 pixels; for each seed another 80 % are for training. Runs
that are in docs/images.csv are not made again.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from trainers import BATCH, EPOCHS, RATE, TRAINERS, Data

ROOT = Path(__file__).parents[2]
RESULTS, PAGE = ROOT / "docs/images.csv", ROOT / "docs/images.md"
ACTS, SEEDS = ("relu", "silu", "rational", "recurrent_rational"), range(5)
HEAD = ("framework", "act", "seed", "accuracy", "seconds", "versions")
MARKS = "<!-- made by scripts/images/digits.py table: begin -->", "<!-- end -->"


def digits(seed: int) -> Data:
    """Load the images, and choose those for training."""
    from sklearn.datasets import load_digits

    images, labels = load_digits().images.astype(np.float32) / 16, load_digits().target.astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(images))
    train, test = order[: len(order) * 4 // 5], order[len(order) * 4 // 5 :]
    return Data((images[train], labels[train]), (images[test], labels[test]))


def results() -> dict[tuple[str, str, int], dict[str, str]]:
    """Read the runs that are done, by framework, activation and seed."""
    if not RESULTS.exists():
        return {}
    with RESULTS.open(newline="", encoding="utf-8") as file:
        return {(row["framework"], row["act"], int(row["seed"])): row for row in csv.DictReader(file)}


def train(frameworks: list[str]) -> None:
    """Train what is not done yet, and add a line for each run."""
    for framework in frameworks:
        label = framework
        if framework == "keras":
            import keras

            label = f"keras on {keras.backend.backend()}"
        for seed in SEEDS:
            for act in ACTS:
                if (label, act, seed) in results():
                    continue
                begun = time.monotonic()
                accuracy = TRAINERS[framework](digits(seed), act, seed)
                row = label, act, seed, f"{accuracy:.6f}", f"{time.monotonic() - begun:.1f}", _versions(framework)
                new = not RESULTS.exists()
                with RESULTS.open("a", newline="", encoding="utf-8") as file:
                    csv.writer(file, lineterminator="\n").writerows([HEAD, row] if new else [row])
                print(*row[:5], flush=True)


def _versions(framework: str) -> str:
    from importlib.metadata import version

    names = {"torch": ["torch"], "flax": ["flax", "jax"], "keras": ["keras"], "mxnet": ["mxnet"]}[framework]
    return " ".join(f"{name}=={version(name)}" for name in names)


def interval(values: list[float]) -> tuple[float, float]:
    """Return mean and half width of the 95 % interval of the mean, by Student's t."""
    from scipy.stats import t

    spread = np.std(values, ddof=1) / len(values) ** 0.5
    return float(np.mean(values)), float(t.ppf(0.975, len(values) - 1) * spread)


def table() -> str:
    """Make the table, a row for each framework, and say whether the intervals of each activation meet."""
    runs = results()
    frameworks = sorted({framework for framework, _, _ in runs}, key=lambda name: (name != "torch", name))
    lines = [f"| framework | {' | '.join(ACTS)} |", f"| --- |{' --- |' * len(ACTS)}"]
    ends: dict[str, list[tuple[float, float]]] = {act: [] for act in ACTS}
    for framework in frameworks:
        cells = []
        for act in ACTS:
            found = [runs.get((framework, act, seed)) for seed in SEEDS]
            values = [100 * float(run["accuracy"]) for run in found if run]
            if len(values) < 2:
                cells.append("")
                continue
            mean, half = interval(values)
            ends[act].append((mean - half, mean + half))
            cells.append(f"{mean:.2f} ± {half:.2f}" + (f" ({len(values)} runs)" if None in found else ""))
        lines.append(f"| {framework} | {' | '.join(cells)} |")
    apart = [act for act, pairs in ends.items() if max(low for low, _ in pairs) > min(high for _, high in pairs)]
    agree = f"not so for {' and '.join(apart)}" if apart else "so for each activation"
    return "\n".join(
        [*lines, "", f"Frameworks agree where all intervals of an activation have a point in common: {agree}."]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "table"])
    parser.add_argument("frameworks", nargs="*", metavar="FRAMEWORK", help=f"of {', '.join(TRAINERS)}")
    options = parser.parse_args()
    if wrong := [name for name in options.frameworks if name not in TRAINERS]:
        parser.error(f"expected frameworks of {', '.join(TRAINERS)}, got {', '.join(wrong)}")
    if options.what == "train":
        train(options.frameworks)
        return
    before, rest = PAGE.read_text("utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    what = (
        f"Test accuracy in percent, mean and 95 % interval over {len(SEEDS)} seeds; {EPOCHS} epochs, batches of "
        f"{BATCH}, Adam with {RATE:g}."
    )
    PAGE.write_text(f"{before}{MARKS[0]}\n\n{what}\n\n{table()}\n\n{MARKS[1]}{after}", "utf-8")


if __name__ == "__main__":
    main()
