"""Import the authors' score files, one pickle for each run, into one table of their curves.

The files are `scores/**/<algorithm>_scores<Game>Deterministic-v4_seed<n>_<activation>.pkl`; those of random play have
no activation. A file holds a list with an entry for each evaluation, which is one of:

* four numbers: lowest, highest and mean score, and the number of games that ended;
* a pair of these four and the list of all scores;
* the list of all scores, all of which count, as in the authors' code.

A file of random play holds one entry of four numbers.
"""

from __future__ import annotations

import gzip
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rrn.common.errors import UserError
from rrn.reference.curves import COLUMNS
from rrn.reference.safe_pickle import read_numbers
from rrn.reference.tables import games

NAME = re.compile(r"(DQN|DDQN|Rainbow|Random)_scores([A-Za-z0-9]+)Deterministic-v4_seed(\d{1,4})(?:_(.+))?\.pkl")
ALGORITHMS = {"Random": "random", "DQN": "dqn", "DDQN": "ddqn", "Rainbow": "rainbow"}
ACTIVATIONS = {  # in the order of the table
    None: "random",
    "lrelu": "lrelu",
    "onlysilu": "silu",
    "silu": "silu",
    "d+silu": "d_silu",
    "paus": "rational",
    "rat": "rational",
    "rpau": "recurrent_rational",
    "recrat": "recurrent_rational",
    "paus_pretrained": "rational_pretrained",
    "rpau_pretrained": "recurrent_rational_pretrained",
}
MAIN = {  # the activations of the paper's comparison
    "random": {"random"},
    "dqn": set(ACTIVATIONS.values()) - {"random"},
    "ddqn": {"lrelu"},
    "rainbow": {"lrelu", "rational", "recurrent_rational"},
}
ORDER = (list(ALGORITHMS.values()), list(dict.fromkeys(ACTIVATIONS.values())))
EXPECTED = "expected for each evaluation lowest, highest and mean score and games, or all scores, or both"
Run = tuple[str, str, str, int]  # game, algorithm, activation, seed


def import_scores(folder: Path) -> tuple[dict[Run, list[tuple]], list[tuple[Path, str]]]:
    """Read the evaluations of each run in a copy of the authors' repository.

    Returns:
        The evaluations of each run, (lowest, highest, mean, median or None, games) each, and the files that were left
        out, with the reason.

    Raises:
        UserError: the folder does not exist, or has none of the authors' score files.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give a copy of the authors' repository, ml-research/rational_rl.")
    scores = folder / "scores"
    paths = sorted((scores if scores.is_dir() else folder).rglob("*.pkl"), key=lambda path: (len(path.parts), path))
    runs: dict[Run, list[tuple]] = {}
    left_out: list[tuple[Path, str]] = []
    for path in paths:
        try:
            run = _run(path)
            evaluations = _evaluations(read_numbers(path), run)
            if runs.setdefault(run, evaluations) != evaluations:  # an equal copy is no reason
                raise UserError("other numbers than in another file of the same run, which was taken")
        except UserError as error:
            left_out.append((path, str(error)))
    if not runs:
        why = f"; {left_out[0][0]}: {left_out[0][1]}" if left_out else ""
        raise UserError(f"{folder}: expected the authors' score files in scores/, found none to read{why}.")
    return runs, left_out


def _run(path: Path) -> Run:
    match = NAME.fullmatch(path.name)
    if match is None:
        raise UserError("its name is not that of a score file")
    algorithm, game, seed, activation = match.groups()
    algorithm = ALGORITHMS[algorithm]
    if game not in games():
        raise UserError("a game outside the paper")
    if path.parent.name == "shorts" or ACTIVATIONS.get(activation) not in MAIN[algorithm]:
        raise UserError("a run outside the paper's comparison")
    return game, algorithm, ACTIVATIONS[activation], int(seed)


def _evaluations(values: object, run: Run) -> list[tuple]:
    if run[1] == "random":
        values = [values]
    if not isinstance(values, list) or not values:
        raise UserError(EXPECTED)
    return [_evaluation(entry) for entry in values]


def _evaluation(entry: Any) -> tuple:
    """Return lowest, highest and mean score, median or None, and number of games of one entry.

    Raises:
        UserError: it has none of the three forms.
    """
    if isinstance(entry, list | tuple) and len(entry) == 2 and all(map(_numbers, entry)):
        summary, scores = entry
    elif _numbers(entry) and entry:
        summary, scores = (entry, []) if len(entry) == 4 else (None, entry)
    else:
        raise UserError(EXPECTED)
    if summary is None:
        return min(scores), max(scores), statistics.fmean(scores), statistics.median(scores), len(scores)
    if len(summary) != 4 or not summary[0] <= summary[2] <= summary[1] or not 1 <= summary[3] == int(summary[3]):
        raise UserError(EXPECTED)
    low, high, mean, count = summary
    ended = scores[: int(count)]  # the list may go on with a game that did not end
    return low, high, mean, statistics.median(ended) if ended else None, int(count)


def _numbers(values: Any) -> bool:
    finite = 1e12  # far above any score; infinity and NaN are not below it
    return isinstance(values, list | tuple) and all(type(v) in (int, float) and abs(v) < finite for v in values)


def table(runs: dict[Run, list[tuple]]) -> Iterator[str]:
    """Yield the lines of the table, with the columns of rrn.reference.curves."""
    yield ",".join(COLUMNS)
    for run in sorted(runs, key=lambda run: (run[0], ORDER[0].index(run[1]), ORDER[1].index(run[2]), run[3])):
        start = ",".join(map(str, run))
        for epoch, (low, high, mean, median, count) in enumerate(runs[run]):
            yield f"{start},{epoch},{_short(low)},{_short(high)},{_short(mean)},{_short(median)},{count}"


def _short(value: float | None) -> str:
    """Format a number with at most four decimals, two from 1000 on; an empty text for None."""
    if value is None:
        return ""
    text = f"{value:.{2 if abs(value) >= 1000 else 4}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def write_table(runs: dict[Run, list[tuple]], path: Path) -> int:
    """Write the table, compressed if the name ends in .gz, and return the number of its rows.

    Raises:
        UserError: it cannot be written.
    """
    lines = list(table(runs))
    data = ("\n".join(lines) + "\n").encode()
    try:
        path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give another place with --out.") from error
    return len(lines) - 1
