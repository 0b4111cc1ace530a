"""The runs under a folder, as the report needs them: settings, state, scores and measures."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from rrn import train
from rrn.compose import load_run_config
from rrn.config import Config, dotted
from rrn.curves import Curve
from rrn.errors import UserError
from rrn.status import Status, read_status

# settings in which runs of one cell may differ
FREE = train.FREE | {"seed", "log_every", "agent.compile"}
FREE |= {"act.from_run", "act.share"}  # part of the name of the activation
SHOWN = ("evaluation/", "plasticity/")  # what the report reads of a run's log
Series = tuple[np.ndarray, np.ndarray]  # agent steps [E] and values [E]


@dataclass(frozen=True)
class Run:
    """One run; `curve.act` says in what it differs from the other runs of its game, agent and activation."""

    folder: Path
    config: Config
    status: Status | None  # None: made before there was such a file
    curve: Curve
    measures: dict[str, Series] = field(default_factory=dict)  # by name in the log

    @property
    def state(self) -> str:
        return self.status.state if self.status else "unknown"


def read_runs(folders: Iterable[Path]) -> tuple[list[Run], list[str]]:
    """Every run at any depth under some folders, in the order of their names, and a sentence on each that is damaged.

    Raises:
        UserError: a folder is not there.
    """
    found: dict[Path, Run] = {}
    damaged = []
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; give one with runs in it, such as runs.")
        for path in sorted(folder.rglob("config.yaml")):
            try:
                found.setdefault(path.parent.resolve(), _read(path.parent))
            except (UserError, OSError, ValueError, KeyError, TypeError) as error:
                where = "" if str(path.parent) in str(error) else f"{path.parent}: "
                damaged.append(f"{where}{error}")
    runs = _name_variants(list(found.values()))
    longest: dict[tuple, Run] = {}
    for run in runs:
        longest[_key(run)] = max(longest.get(_key(run), run), run, key=_length)
    for run in runs:
        kept = longest[_key(run)]
        if run is not kept:
            damaged.append(f"{run.folder}: {kept.folder} has the same settings and seed, and is at least as long.")
    return list(longest.values()), damaged


def _key(run: Run) -> tuple[str, str, str, int]:
    return run.curve.game, run.curve.agent, run.curve.act, run.curve.seed


def _length(run: Run) -> int:
    """Agent steps up to its last evaluation."""
    return int(run.curve.steps[-1]) if len(run.curve.steps) else -1


def _read(folder: Path) -> Run:
    config = load_run_config(folder)
    measures = read_measures(folder / "scalars.csv")
    steps, means = measures.get("evaluation/mean", (np.array([], int), np.array([])))
    if not np.isfinite(means).all():
        raise UserError(f"{folder}: expected finite scores, got NaN or inf in scalars.csv.")
    curve = Curve(config.env.name, config.agent.name, _activation(config), config.seed, steps, means)
    return Run(folder, config, read_status(folder), curve, measures)


def _activation(config: Config) -> str:
    """Its name; rationals of an earlier run, and those shared by some places, are activations of their own."""
    share, earlier = getattr(config.act, "share", None), getattr(config.act, "from_run", None)
    return config.act.name + "_pretrained" * bool(earlier) + (f"_shared_{'_'.join(map(str, share))}" if share else "")


def read_measures(path: Path) -> dict[str, Series]:
    """The series of a scalars.csv whose names begin as in SHOWN; half a line at the end is left out."""
    text = path.read_bytes() if path.exists() else b""
    names = "|".join(re.escape(name) for name in SHOWN)
    rows: dict[str, list[tuple[int, float]]] = defaultdict(list)
    # searched rather than parsed: most lines of a long run are of other names
    for step, name, value in re.findall(rf"^(\d+),((?:{names})[^,\n]*),([^,\n]+)\n".encode(), text, re.MULTILINE):
        rows[name.decode()].append((int(step), float(value)))
    return {name: (np.array([s for s, _ in row]), np.array([v for _, v in row])) for name, row in rows.items()}


def _name_variants(runs: list[Run]) -> list[Run]:
    """Runs of one game, agent and activation with unequal settings are told apart by those settings."""
    groups: dict[tuple, list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.curve.game, run.curve.agent, run.curve.act].append(run)
    named = {}
    for group in groups.values():
        settings = [_settings(run.config) for run in group]
        usual = dict(Counter(tuple(sorted(one.items())) for one in settings).most_common(1)[0][0])
        for run, own in zip(group, settings, strict=True):
            other = [f"{key}={own[key]}" for key in sorted(own) if own[key] != usual.get(key)]
            named[run.folder] = " ".join([run.curve.act, *other])
    return [replace(run, curve=replace(run.curve, act=named[run.folder])) for run in runs]


def _settings(config: Config) -> dict[str, str]:
    """By dotted name, as text; without those that may differ."""
    values = dotted(asdict(config))
    return {key: str(value) for key, value in values.items() if key not in FREE}
