"""The runs of Atari-100k beside published scores: docs/atari100k.md and the table behind it.

    python scripts/docs/atari100k.py [FOLDER]

Finished runs of the plan in FOLDER/runs are added to scores.csv in docs/runs/atari100k, which keeps those of earlier
calls. What was decided before the runs is in note.md there.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from plasticity_study import finished_runs, label

from rrn.reference import human_normalised
from rrn.reference.atari100k import atari100k
from rrn.runs.scalars import read_measures
from rrn.stats import STATISTICS, holm, interval, iqm, seeds_interval
from rrn.study.plan import load_plan

DOCS = Path(__file__).resolve().parents[2] / "docs"
DATA = DOCS / "runs/atari100k"
PUBLISHED = {  # the published scores of our agents with relu
    "der": "DER (van Hasselt 2019)",
    "der_dopamine": "DER (Agarwal 2021)",
    "drq": "DrQ(eps) (Agarwal 2021)",
}
BASE, TESTED = "relu", ("rational", "recurrent_rational")
PERMUTATIONS, RESAMPLES = 10_000, 10_000
COLUMNS = ("agent", "act", "game", "seed", "score")
Key = tuple[str, str, str, int]
Scores = dict[str, list[float]]  # by game, of each seed


def read_scores(path: Path) -> dict[Key, float]:
    """Read the scores of earlier calls."""
    if not path.exists():
        return {}
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["agent"], row["act"], row["game"], int(row["seed"])): float(row["score"]) for row in rows}


def write_scores(path: Path, scores: dict[Key, float]) -> None:
    """Write a row for each run."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([*key, f"{scores[key]:g}"] for key in sorted(scores))


def add_finished(scores: dict[Key, float], folder: Path) -> None:
    """Add the finished runs of the plan: the mean of the games after the last step."""
    for run, place in finished_runs(["atari100k"], folder):
        _, values = read_measures(place / "scalars.csv")["evaluation/mean"]
        scores[run.method.agent, label(run.method)[0], run.game, run.seed] = float(values[-1])


def by_game(scores: dict[Key, float], agent: str, act: str) -> Scores:
    """Return the scores of an agent with an activation, in the order of the seeds."""
    found: Scores = defaultdict(list)
    for (own, with_act, game, _), score in sorted(scores.items()):
        if (own, with_act) == (agent, act):
            found[game].append(score)
    return dict(found)


def normalised(scores: Scores, games: Sequence[str]) -> dict[str, np.ndarray]:
    """Return human-normalised scores on some games."""
    return {game: np.asarray(human_normalised(game, np.array(scores[game]))) for game in games}


def validity(agent: str, ours: Scores) -> list[str]:
    """Return a table of our scores with relu beside the published ones, and on how many games they agree."""
    means = next(other.means for other in atari100k() if other.agent == PUBLISHED[agent])
    lines = ["| game | seeds | ours, 95 % interval | each seed | published | in our interval |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    agreeing = []
    for game, values in ours.items():
        found = seeds_interval(values, RESAMPLES)
        agrees = found.low is not None and found.low <= means[game] <= found.high
        agreeing += [game] if agrees else []
        within = "too few seeds" if found.low is None else "yes" if agrees else "no"
        each = ", ".join(f"{value:.1f}" for value in values)
        lines.append(f"| {game} | {len(values)} | {found.text(1)} | {each} | {means[game]:g} | {within} |")
    return [*lines, "", f"The published mean is in our interval on {len(agreeing)} of {len(ours)} games."]


def over_games(agent: str, scores: dict[Key, float], acts: Sequence[str]) -> list[str]:
    """Return a table of aggregates of the activations with all planned runs of an agent, and the published ones."""
    plan = load_plan("atari100k")
    tables = {act: by_game(scores, agent, act) for act in acts}
    whole = [act for act, table in tables.items() if all(len(table.get(g, ())) == plan.seeds for g in plan.games)]
    if not whole:
        return []
    own = {act: normalised(tables[act], plan.games) for act in whole}
    chances = {}
    if {BASE, *TESTED} <= own.keys():
        chances = dict(zip(TESTED, holm([permutation_test(own[act], own[BASE]) for act in TESTED]), strict=True))
    lines = [f"| activation | {' | '.join(STATISTICS)} | p, beside {BASE} |"]
    lines.append("| --- |" + " --- |" * (len(STATISTICS) + 1))
    for act, values in own.items():
        cells = [interval(values, statistic, RESAMPLES).text(3) for statistic in STATISTICS.values()]
        lines.append(f"| {act} | {' | '.join(cells)} | {f'{chances[act]:.2g}' if act in chances else ''} |")
    other = next(other for other in atari100k() if other.agent == PUBLISHED[agent])
    cells = [f"{value:.3f}" for value in other.over_games(plan.games).values()]
    lines.append(f"| {other.agent}, of its means | {' | '.join(cells)} |  |")
    missing = [act for act in acts if act not in whole]
    return [*lines, *(["", f"Runs are missing of {', '.join(missing)}."] if missing else [])]


def permutation_test(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    """Return the two-sided p of the difference of interquartile means, over permutations within each game."""
    random = np.random.default_rng(0)
    pooled = {game: np.concatenate((one[game], other[game])) for game in one}
    first, second = {}, {}
    for game, values in pooled.items():
        order = np.argsort(random.random((PERMUTATIONS, len(values))), axis=1)
        first[game], second[game] = np.split(values[order], [len(one[game])], axis=1)
    differences = iqm(first) - iqm(second)
    observed = float(iqm(one) - iqm(other))
    return float((1 + (np.abs(differences) >= abs(observed) - 1e-12).sum()) / (1 + PERMUTATIONS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="where the study was started")
    options = parser.parse_args()
    scores = read_scores(DATA / "scores.csv")
    if options.folder:
        add_finished(scores, options.folder)
    if scores:
        write_scores(DATA / "scores.csv", scores)
    parts = [(DATA / "note.md").read_text("utf-8").rstrip(), f"Runs that are here: {len(scores)}."]
    for agent in PUBLISHED:
        acts = list(dict.fromkeys(act for own, act, _, _ in sorted(scores) if own == agent))
        acts.sort(key=lambda act: (act != BASE, act))
        if BASE in acts:
            parts += [f"## {agent} with {BASE}, beside {PUBLISHED[agent]}"]
            parts.append("\n".join(validity(agent, by_game(scores, agent, BASE))))
        table = over_games(agent, scores, acts) if acts else []
        if table:
            parts += [f"## {agent} over games, human-normalised", "\n".join(table)]
    text = "\n\n".join(parts) + "\n"
    (DOCS / "atari100k.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
