"""Read the authors' curves from the table that `python -m rrn.reference import` makes."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from rrn.common.curves import Curve
from rrn.common.errors import UserError
from rrn.reference.tables import evaluation_step

COLUMNS = ("game", "algorithm", "activation", "seed", "epoch", "min", "max", "mean", "median", "episodes")
KEYS = COLUMNS[:4]
ACTS = {"lrelu": "leaky_relu"}  # their name to ours where they differ


def read_curves(path: str | Path) -> list[Curve]:
    """Read the curve of each run from a table of the authors' evaluations, in the order of the table.

    The activations have our names. Random play has the agent and the activation `random`, and one evaluation at step 0.

    Args:
        path: .csv or .csv.gz, as `python -m rrn.reference import` writes it.

    Raises:
        UserError: the file cannot be read, or is no such table.
    """
    runs: dict[tuple[str, ...], tuple[list[str], list[str]]] = {}
    head, *lines = _text(Path(path)).splitlines() or [""]
    names = head.split(",")
    missing = [name for name in (*KEYS, "epoch", "mean") if name not in names]
    if missing:
        raise UserError(f"{path}: expected the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}.")
    keys = [names.index(name) for name in KEYS]
    game, agent, act, seed = keys
    epoch, mean = names.index("epoch"), names.index("mean")
    for number, line in enumerate(lines, 2):
        cells = line.split(",")
        if len(cells) != len(names):
            raise UserError(f"{path}, line {number}: expected {len(names)} columns, got {len(cells)}.")
        key = (cells[game], cells[agent], cells[act], cells[seed])
        if key not in runs:
            runs[key] = ([], [])
        epochs, means = runs[key]
        epochs.append(cells[epoch])
        means.append(cells[mean])
    return [_curve(path, key, *columns) for key, columns in runs.items()]


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{path}: expected a .csv or .csv.gz of curves; it cannot be read ({reason}).") from error


def _curve(path: str | Path, key: tuple[str, ...], epochs: list[str], means: list[str]) -> Curve:
    game, agent, act, seed = key
    try:
        steps = np.array([evaluation_step(game, agent, int(epoch)) for epoch in epochs])
        curve = Curve(game, agent, ACTS.get(act, act), int(seed), steps, np.array(means, float))
    except ValueError as error:
        raise UserError(f"{path}: {' '.join(key)}: expected numbers for seed, epoch and mean ({error}).") from error
    if not np.isfinite(curve.means).all():
        raise UserError(f"{path}: {' '.join(key)}: expected finite means.")
    if np.any(np.diff(steps) <= 0):
        raise UserError(f"{path}: {' '.join(key)}: expected epochs that rise; is a run in there twice?")
    return curve
