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
from rrn.common.foreign_files import find_files
from rrn.common.printable import printable
from rrn.config import MAY_CHANGE_ON_RESUME, Config, effective
from rrn.config.load import load_run_config
from rrn.config.settings import typed
from rrn.runs.scalars import SCORE, Series, read_measures
from rrn.runs.software import read_software
from rrn.runs.status_file import Status, load_status

# settings in which runs of one cell may differ
NOT_METHOD = MAY_CHANGE_ON_RESUME | {"seed", "log_every", "agent.compile"}
SMOKE = "smoke"  # the experiment of runs that try everything and learn nothing
LONGEST_NAME = 100  # characters of a game or a setting
MOST_NAMED = 2  # settings in the name of an activation
NOT_METHOD |= {"env.task_seed"}  # the seed of the run
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
    own_settings: tuple[str, ...] = ()  # that the name of the activation says, or a number in it such as [1]
    no_status: str | None = None  # why its status.json cannot be read

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
        for path in find_files(folder, ["config.yaml"]):
            try:
                by_folder.setdefault(path.parent.resolve(), _read(path.parent, folder))
            except Exception as error:  # the files of one run may fail in any way, and take no other along
                where = "" if str(path.parent) in str(error) else f"{path.parent}: "
                kind = "" if isinstance(error, UserError | OSError | ValueError) else f"{type(error).__name__}: "
                damaged.append(f"{where}{kind}{error}")
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


def _read(folder: Path, among: Path) -> Run:
    """Read one run, found in the folder `among`.

    Raises:
        UserError: a file of it is damaged, or the run is done and lacks its last evaluation.
        ValueError, OSError: its scalars.csv is damaged, or cannot be read.
    """
    config = load_run_config(folder, among)
    measures = read_measures(folder / "scalars.csv")
    steps, means = measures.get(SCORE, (np.array([], int), np.array([])))
    names = (config.env.name, config.agent.name, _activation(config))
    game, agent, act = (printable(name, LONGEST_NAME) for name in names)
    curve = Curve(game, agent, act, config.seed, steps, means, config.env.averaged)
    try:
        status, no_status = load_status(folder), None
    except FileNotFoundError:
        status, no_status = None, None
    except (OSError, ValueError) as error:
        status, no_status = None, str(error)
    run = Run(
        folder=folder,
        config=config,
        status=status,
        curve=curve,
        measures=measures,
        software=read_software(folder),
        no_status=no_status,
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

    An experiment explains the settings that it sets: runs are compared with those of their own, and one that is not
    the usual one of the agent is named. Settings of the activation are compared over all games, others among the runs
    on one game. More than MOST_NAMED settings get a number, such as [1].
    """
    of_game: dict[tuple, list[dict[str, str]]] = defaultdict(list)
    of_act: dict[tuple, list[dict[str, str]]] = defaultdict(list)
    experiments: dict[str, Counter[str]] = defaultdict(Counter)
    all_settings = [settings(run.config) for run in runs]
    for run, own in zip(runs, all_settings, strict=True):
        key = run.curve.agent, run.curve.act, run.config.experiment
        on_game = *key, run.curve.game
        of_game[on_game].append({k: v for k, v in own.items() if not k.startswith("act.")})
        of_act[key].append({k: v for k, v in own.items() if k.startswith("act.")})
        experiments[run.curve.agent][run.config.experiment] += run.config.experiment != SMOKE
    usual = {
        key: dict(Counter(tuple(sorted(own.items())) for own in group).most_common(1)[0][0])
        for key, group in (of_game | of_act).items()
    }
    named: list[Run] = []
    numbers: dict[tuple[str, ...], int] = {}
    for run, own in zip(runs, all_settings, strict=True):
        curve, experiment = run.curve, run.config.experiment
        key = curve.agent, curve.act, experiment
        on_game = *key, curve.game
        expected = usual[on_game] | usual[key]
        differ = [name for name in sorted(own) if own[name] != expected.get(name)]
        other = tuple(printable(f"{name.removesuffix('.name')}={typed(own[name])}", LONGEST_NAME) for name in differ)
        words = other if len(other) <= MOST_NAMED else (f"[{numbers.setdefault(other, len(numbers) + 1)}]",)
        if experiment != experiments[curve.agent].most_common(1)[0][0]:
            words = printable(f"experiment={experiment}", LONGEST_NAME), *words
        named.append(replace(run, curve=replace(curve, act=" ".join([curve.act, *words])), own_settings=other))
    return named


def settings(config: Config) -> dict[str, str]:
    """Return the settings that are part of the method, text by dotted name; `steps` too if schedules depend on it."""
    values = effective(config)
    scheduled = getattr(config.agent, "anneal", False) or hasattr(config.agent, "exploration_fraction")
    for name, key in (("pretrained", "act.from_run"), ("agent.from", "agent.from_run")):
        earlier = values.pop(key, None)
        if earlier:  # each game has an earlier run of its own, and each seed may have one
            values[name] = re.sub(r"seed\d+$", "seed*", earlier.rstrip("/"))
    return {key: str(value) for key, value in values.items() if key not in NOT_METHOD or (scheduled and key == "steps")}
