"""Read the runs under a folder for the report: settings, state, scores and measures."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from rrn.common.curves import Curve
from rrn.common.errors import UserError
from rrn.config import MAY_CHANGE_ON_RESUME, Config, effective
from rrn.config.load import load_run_config
from rrn.runs.scalars import Series, read_measures
from rrn.runs.software import read_software
from rrn.runs.status_file import Status, read_status

# settings in which runs of one cell may differ
NOT_METHOD = MAY_CHANGE_ON_RESUME | {"seed", "log_every", "agent.compile"}
NOT_METHOD |= {"act.from_run", "act.share"}  # part of the name of the activation; see `settings`


@dataclass(frozen=True)
class Run:
    """One run; `curve.act` names the settings that differ from other runs of its game, agent and activation."""

    folder: Path
    config: Config
    status: Status | None  # None: made before there was such a file
    curve: Curve
    measures: dict[str, Series] = field(default_factory=dict)  # by name in the log
    software: Sequence[dict[str, str]] = ()  # versions in each process that trained it, and the step that it began at

    @property
    def state(self) -> str:
        return self.status.state if self.status else "unknown"

    @property
    def is_finished(self) -> bool:
        """Return whether nothing stopped the run and its log has the last evaluation that it should have."""
        return self.state in ("done", "unknown") and _length(self) + self.config.evaluation.every > self.config.steps


def read_runs(folders: Iterable[Path]) -> tuple[list[Run], list[str]]:
    """Read every run at any depth under some folders, in the order of their names.

    Returns:
        The runs, and a sentence for each that is damaged or has the settings and seed of a longer one.

    Raises:
        UserError: a folder does not exist.
    """
    by_folder: dict[Path, Run] = {}
    damaged = []
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; give one with runs in it, such as runs.")
        for path in sorted(folder.rglob("config.yaml")):
            try:
                by_folder.setdefault(path.parent.resolve(), _read(path.parent))
            except (UserError, OSError, ValueError, KeyError, TypeError) as error:
                where = "" if str(path.parent) in str(error) else f"{path.parent}: "
                damaged.append(f"{where}{error}")
    runs = _name_variants(list(by_folder.values()))
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
    """Return the agent steps up to the last evaluation; -1 without one."""
    return int(run.curve.steps[-1]) if len(run.curve.steps) else -1


def _read(folder: Path) -> Run:
    """Read one run.

    Raises:
        UserError: a file of it is damaged, or the run is done and lacks its last evaluation.
    """
    config = load_run_config(folder)
    measures = read_measures(folder / "scalars.csv")
    steps, means = measures.get("evaluation/mean", (np.array([], int), np.array([])))
    if not np.isfinite(means).all():
        raise UserError(f"{folder}: expected finite scores, got NaN or inf in scalars.csv.")
    curve = Curve(config.env.name, config.agent.name, _activation(config), config.seed, steps, means)
    status = read_status(folder)
    run = Run(
        folder=folder,
        config=config,
        status=status,
        curve=curve,
        measures=measures,
        software=read_software(folder),
    )
    if run.state == "done" and not run.is_finished:
        if len(steps):
            last = f"the last evaluation in its scalars.csv is at step {_length(run):,}"
        else:
            last = "no evaluation is in its scalars.csv"
        raise UserError(f"{folder}: the run is done, but {last}.")
    return run


def _activation(config: Config) -> str:
    """Name the activation; rationals of an earlier run, and those shared by some sites, have names of their own."""
    share, earlier = getattr(config.act, "share", None), getattr(config.act, "from_run", None)
    name = config.act.name
    if earlier:
        name += "_pretrained"
    if share:
        name += f"_shared_{'_'.join(map(str, share))}"
    return name


def _name_variants(runs: list[Run]) -> list[Run]:
    """Add to the activations of runs the settings in which they differ from most runs of their agent and activation.

    Settings of the activation are compared over all games, others among the runs on one game.
    """
    of_game: dict[tuple, list[dict[str, str]]] = defaultdict(list)
    of_act: dict[tuple, list[dict[str, str]]] = defaultdict(list)
    all_settings = [settings(run.config) for run in runs]
    for run, own in zip(runs, all_settings, strict=True):
        curve = run.curve
        of_game[curve.agent, curve.act, curve.game].append({k: v for k, v in own.items() if not k.startswith("act.")})
        of_act[curve.agent, curve.act].append({k: v for k, v in own.items() if k.startswith("act.")})
    usual = {
        key: dict(Counter(tuple(sorted(own.items())) for own in group).most_common(1)[0][0])
        for key, group in (of_game | of_act).items()
    }
    named = []
    for run, own in zip(runs, all_settings, strict=True):
        curve = run.curve
        expected = usual[curve.agent, curve.act, curve.game] | usual[curve.agent, curve.act]
        other = [f"{key}={own[key]}" for key in sorted(own) if own[key] != expected.get(key)]
        named.append(replace(run, curve=replace(curve, act=" ".join([curve.act, *other]))))
    return named


def settings(config: Config) -> dict[str, str]:
    """Return the settings that are part of the method, text by dotted name; `steps` too if schedules depend on it."""
    values = effective(config)
    scheduled = getattr(config.agent, "anneal", False) or hasattr(config.agent, "exploration_fraction")
    earlier = values.pop("act.from_run", None)
    if earlier:  # each game has an earlier run of its own, and each seed may have one
        values["pretrained"] = re.sub(r"seed\d+$", "seed*", earlier.rstrip("/"))
    return {key: str(value) for key, value in values.items() if key not in NOT_METHOD or (scheduled and key == "steps")}
