"""List the runs that are missing or not finished, with the commands that make them."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rrn.config.classes import choice_of
from rrn.report.cells import Method, is_plain, order
from rrn.report.runs import Run

OTHER_COMMAND = "; the command in its status.json is none that goes on with this run"
SETTING = re.compile(r"\+{0,2}[\w.]+")
Key = tuple[str, Method]  # game and method


@dataclass(frozen=True)
class ToDo:
    """Runs that are missing or not finished."""

    games: tuple[str, ...]
    methods: tuple[Method, ...]
    what: str  # such as "seeds 3, 4 missing"
    command: str | None  # None: nothing needs to be done, or no run says with which settings


def to_do(runs: Sequence[Run], seeds: int) -> list[ToDo]:
    """List what is left for each game of these runs with each of their methods, for seeds 0 to `seeds` - 1.

    On a game, only agents that were begun there are expected, and of methods with settings of their own only those that
    were begun there.
    """
    groups: dict[Key, list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.curve.game, run.curve.method].append(run)
    methods = {method for _, method in groups if is_plain(method)}
    wanted = groups.keys() | {(game, method) for game, (agent, _) in groups for method in methods if method[0] == agent}
    unfinished, missing = [], {}
    for game, method in sorted(wanted, key=lambda key: order(*key)):
        group = groups.get((game, method), [])
        for run in group:
            if not run.is_finished:
                command = None if run.state in ("running", "unknown") else _go_on(run)
                other = "" if command or run.state in ("running", "unknown") else OTHER_COMMAND
                unfinished.append(ToDo((game,), (method,), _state(run) + other, command))
        numbers = tuple(sorted(set(range(seeds)) - {run.curve.seed for run in group}))
        if numbers:
            missing[game, method] = numbers, _settings(runs, group, game, method)
    return unfinished + _together(missing, _choices(runs))


def _go_on(run: Run) -> str | None:
    """Return the command that goes on with a run; None if its status.json holds another one."""
    words = own_words(run)
    return shlex.join(["python", "-m", "rrn.train", *words]) if words else None


def own_words(run: Run) -> list[str] | None:
    """Return the words after `python -m rrn.train` in the status.json of a run, if they are settings of that run.

    A stranger's file could hold any command, and whoever reads the report may copy it. So each word must be a setting,
    none of Hydra's own, and the choices must be those in config.yaml.

    Returns:
        None for any other command, or one without a word.
    """
    try:
        python, dash, module, *words = shlex.split(run.status.go_on)
    except ValueError:
        return None
    chosen = {group: choice_of(getattr(run.config, group)) for group in ("agent", "env", "act", "network")}
    chosen |= {"seed": str(run.config.seed), "resume": "true", "experiment": run.config.experiment}
    for word in words:
        key, equals, value = word.partition("=")
        value = value.replace("\\:", ":")
        fits = SETTING.fullmatch(key) and equals and value.isprintable() and not key.lstrip("+").startswith("hydra")
        if not fits or chosen.get(key, value) != value:
            return None
    return words if [python, dash, module] == ["python", "-m", "rrn.train"] else None


def _state(run: Run) -> str:
    """Describe the state of a run that is not finished."""
    status = run.status
    if status is None:
        end = f"{run.curve.steps[-1]:,}" if len(run.curve.steps) else "0"
        return f"seed {run.curve.seed} has no status.json, and ends at step {end} of {run.config.steps:,}"
    verb = {"running": "is running", "failed": "failed"}.get(run.state, f"was {run.state}")
    return f"seed {run.curve.seed} {verb} at step {status.step:,} of {status.steps:,}" + (
        f" ({status.why})" if status.why else ""
    )


def _settings(runs: Sequence[Run], group: Sequence[Run], game: str, method: Method) -> tuple[str, ...] | None:
    """Return settings for a missing run, from the command of the most similar run; None if there is none.

    Left out are the settings that `_command` writes itself, and those of another agent or activation.
    """
    if group and not is_plain(_without_experiment(method)):  # only the user knows the settings of another seed
        return None
    group = [run for run in group if run.status]
    like = group or [run for run in runs if run.status]
    if not like:
        return None
    nearest = min(like, key=lambda run: (run.curve.game != game, run.curve.agent != method[0]))
    own = {"agent", "env", "act", "seed", "run_dir", "resume", "-m"}
    words = own_words(nearest)
    if words is None or any(word.startswith("run_dir=") for word in words):  # without it, the folder is another run's
        return None
    if group:
        foreign: tuple[str, ...] = ()
    elif nearest.curve.agent == method[0]:
        foreign = ("act.",)
    else:
        foreign = ("act.", "agent.")
    return tuple(w for w in words if w.partition("=")[0] not in own and not w.startswith(foreign))


def _without_experiment(method: Method) -> Method:
    return method[0], " ".join(word for word in method[1].split(" ") if not word.startswith("experiment="))


def _choices(runs: Sequence[Run]) -> dict[tuple[str, str], str]:
    """Map the names in these runs to what agent=, env= or act= must be set to, maybe a class of the user's own."""
    parts = [(group, getattr(run.config, group)) for run in runs for group in ("agent", "env", "act")]
    return {(group, settings.name): choice_of(settings) for group, settings in parts}


def _together(
    missing: dict[Key, tuple[tuple[int, ...], tuple[str, ...] | None]], choices: dict[tuple[str, str], str]
) -> list[ToDo]:
    """Join the activations of a game that lack the same seeds, and then the games, into one command each."""
    by_game: dict[tuple, list[Method]] = defaultdict(list)
    for (game, method), (seeds, words) in missing.items():
        by_game[game, method[0], seeds, words].append(method)
    by_methods: dict[tuple, list[str]] = defaultdict(list)
    for (game, _, seeds, words), methods in by_game.items():
        by_methods[tuple(methods), seeds, words].append(game)
    todos = []
    for (methods, seeds, words), games in by_methods.items():
        what = f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))} missing"
        if words is None:
            what, command = f"{what}; the runs here do not say with which settings", None
        else:
            command = _command(games, methods, seeds, words, choices)
        todos.append(ToDo(tuple(games), methods, what, command))
    return todos


def _command(
    games: Sequence[str],
    methods: Sequence[Method],
    seeds: Sequence[int],
    words: Sequence[str],
    choices: dict[tuple[str, str], str],
) -> str:
    acts = [method[1].partition(" ")[0] for method in methods]
    chosen = {"agent": [methods[0][0]], "env": games, "act": acts, "seed": map(str, seeds)}
    overrides = [
        f"{key}={','.join(choices.get((key, value), value) for value in values)}" for key, values in chosen.items()
    ]
    several = ["-m"] if len(games) * len(methods) * len(seeds) > 1 else []
    return shlex.join(["python", "-m", "rrn.train", *several, *overrides, *words, "resume=true"])
