"""Write the tables of rrn/reference from the authors' published numbers.

    python scripts/data/make_reference.py FOLDER [TARGET]

FOLDER has final_scores.csv and protocol.csv, which hold the numbers of the authors' repository ml-research/rational_rl
(commit 10e6e33) as plain text, and atari100k_scores.csv with those that others published on Atari-100k. TARGET is where
the tables go, rrn/reference if it is not given.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

TARGET = Path(__file__).parents[2] / "rrn" / "reference"
NAMES = {"lrelu": "leaky_relu"}  # theirs to ours; the others are the same
PUBLISHED = {  # column of final_scores.csv to ours
    "game": "game",
    "algorithm": "agent",
    "activation": "act",
    "published_mean": "mean",
    "published_std": "std",
    "n_seeds": "seeds",
    "last_epoch_min": "first_epochs",
    "last_epoch_max": "epochs",
}
# Their bar plot has other human scores than their table script for two games, and for Tennis a rounded random one.
BAR_PLOT = {"Asterix": {"plot_human": "7336.0"}, "Tennis": {"plot_human": "-18.4", "plot_random": "-23.9"}}
PROTOCOL = (
    "game",
    "environment",
    "total_agent_steps",
    "evaluation_frequency",
    "test_samples",
    "frames_per_agent_step",
    "train_frequency",
    "target_update_frequency",
    "initial_replay_size",
    "max_replay_size",
    "history_length",
    "width",
    "height",
    "batch_size",
    "optimizer",
    "learning_rate",
    "gamma",
    "loss",
    "epsilon_start",
    "epsilon_end",
    "epsilon_decay_agent_steps",
    "epsilon_evaluation",
    "max_no_op_actions",
)
SOURCE = "# From the authors' ml-research/rational_rl, commit 10e6e33; written by scripts/data/make_reference.py.\n"
PUBLISHED_HEADER = f"""\
{SOURCE}# Their tables scores_table_all.csv and, for *_pretrained, scores_table_pretrained.csv, as printed there:
# mean and standard deviation (without the n - 1 correction) over seeds of the score of the last evaluation.
# first_epochs and epochs: number of that evaluation for the seed that stopped first and for the one that stopped last.
# *_pretrained: rationals of an earlier run of the same game and seed, frozen, and fresh weights.
"""
BASELINES_HEADER = f"""\
{SOURCE}# human, random: per game, the table that most papers on Atari use, as in google/dopamine
# (dopamine/labs/atari_100k/normalization_utils.py).
# authors_human, authors_random: of the authors' table script. Two flaws: their random scores are per life, not per
# game; and two of their human scores differ between their tables, Asterix 7536 or 7336 and Tennis -6.7 or -18.4.
# plot_human, plot_random: what their bar plot uses, the second of each; for Tennis with random play rounded.
"""
ATARI_100K_HEADER = """\
# Scores after 100,000 agent steps (400,000 frames), means over seeds, of other authors than the paper's, who are in
# atari100k_sources.csv; human and random play of the same table as in baselines.csv. Those with "logs" are means of the
# training episodes that end in the last tenth of the steps.
# Written by scripts/data/make_reference.py.
"""
FROM_LOGS = {"DreamerV3": "DreamerV3 (Hafner, logs)", "PPO (Hafner, fixed hp)": "PPO (Hafner, logs)"}
SOURCES_HEADER = "# Where the scores of atari100k.csv are from. Written by scripts/data/make_reference.py.\n"
PROTOCOL_HEADER = f"{SOURCE}# Their settings files and training script.\n"


def main(source: Path, target: Path = TARGET) -> None:
    scores, protocol = (_read(source / name) for name in ("final_scores.csv", "protocol.csv"))
    printed = [row for row in scores if row["published_mean"] and row["algorithm"] != "random"]
    published = [{ours: row[theirs] for theirs, ours in PUBLISHED.items()} for row in printed]
    for row in published:
        row["act"] = NAMES.get(row["act"], row["act"])
    baselines = [
        {
            "game": row["game"],
            "human": row["human_score_common_table"],
            "random": row["random_score_common_table"],
            "authors_human": row["human_score_used_by_authors"],
            "authors_random": row["random_score_mean_per_life"],
            "plot_human": row["human_score_used_by_authors"],
            "plot_random": row["random_score_mean_per_life"],
            **BAR_PLOT.get(row["game"], {}),
        }
        for row in protocol
    ]
    others = _read(source / "atari100k_scores.csv")
    for row in others:
        row["agent"] = FROM_LOGS.get(row["agent"], row["agent"])
    means = [{"agent": row["agent"], "game": row["game"], "mean": row["score"]} for row in others if row["score"]]
    sources = {row["agent"]: {"agent": row["agent"], "source": row["source"]} for row in reversed(others)}
    _write(target / "atari100k.csv", ATARI_100K_HEADER, means)
    _write(target / "atari100k_sources.csv", SOURCES_HEADER, list(reversed(sources.values())))
    _write(target / "published.csv", PUBLISHED_HEADER, published)
    _write(target / "baselines.csv", BASELINES_HEADER, baselines)
    _write(target / "protocol.csv", PROTOCOL_HEADER, [{name: row[name] for name in PROTOCOL} for row in protocol])


def _read(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, header: str, rows: list[dict[str, str]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(header)
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or not (Path(sys.argv[1]) / "final_scores.csv").is_file():
        raise SystemExit("error: expected make_reference.py FOLDER [TARGET], with final_scores.csv in FOLDER.")
    main(*map(Path, sys.argv[1:]))
