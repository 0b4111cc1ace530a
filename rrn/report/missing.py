"""What is missing of the runs, and the command that would make each."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rrn.config.classes import choice_of
from rrn.report.cells import Method, is_plain, order
from rrn.report.runs import Run

Key = tuple[str, Method]  # game and method


@dataclass(frozen=True)
class ToDo:
    """Runs that are not there or not finished."""

    games: tuple[str, ...]
    methods: tuple[Method, ...]
    what: str  # such as: seeds 3, 4 missing
    command: str | None  # None: nothing needs to be done


def to_do(runs: Sequence[Run], seeds: int) -> list[ToDo]:
    """What is left for each game of these runs with each of their methods, for seeds 0 to `seeds` - 1.

    Only agents that were begun on a game are asked for there, and methods with settings of their own likewise.
    """
    groups: dict[Key, list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.curve.game, (run.curve.agent, run.curve.act)].append(run)
    methods = {method for _, method in groups if is_plain(method)}
    wanted = groups.keys() | {(game, method) for game, (agent, _) in groups for method in methods if method[0] == agent}
    found, missing = [], {}
    for game, method in sorted(wanted, key=lambda key: order(*key)):
        group = groups.get((game, method), [])
        for run in group:
            if not run.is_finished:
                command = None if run.state in ("running", "unknown") else run.status.go_on
                found.append(ToDo((game,), (method,), _unfinished(run), command))
        numbers = tuple(sorted(set(range(seeds)) - {run.curve.seed for run in group}))
        if numbers:
            missing[game, method] = numbers, _settings(runs, group, game, method)
    return found + _together(missing, _choices(runs))


def _unfinished(run: Run) -> str:
    status = run.status
    if status is None:
        end = f"{run.curve.steps[-1]:,}" if len(run.curve.steps) else "0"
        return f"seed {run.curve.seed} has no status.json, and ends at step {end} of {run.config.steps:,}"
    verb = {"running": "is running", "failed": "failed"}.get(run.state, f"was {run.state}")
    return f"seed {run.curve.seed} {verb} at step {status.step:,} of {status.steps:,}" + (
        f" ({status.why})" if status.why else ""
    )


def _settings(runs: Sequence[Run], group: Sequence[Run], game: str, method: Method) -> tuple[str, ...] | None:
    """Words of the command of a run as like it as there is, but for what the command names itself; None without one."""
    if group and not is_plain(method):  # what the settings of another seed would be is the user's to say
        return None
    group = [run for run in group if run.status]
    like = group or [run for run in runs if run.status]
    if not like:
        return None
    nearest = min(like, key=lambda run: (run.curve.game != game, run.curve.agent != method[0]))
    own = {"agent", "env", "act", "seed", "run_dir", "resume", "-m"}
    try:
        words = shlex.split(nearest.status.go_on)[3:]
    except ValueError:  # the file is damaged
        return None
    if any(word.startswith("run_dir=") for word in words):  # without it, the folder is another run's
        return None
    if group:
        foreign: tuple[str, ...] = ()
    elif nearest.curve.agent == method[0]:
        foreign = ("act.",)
    else:
        foreign = ("act.", "agent.")
    return tuple(w for w in words if w.partition("=")[0] not in own and not w.startswith(foreign))


def _choices(runs: Sequence[Run]) -> dict[tuple[str, str], str]:
    """What to set agent, env and act to for the names of these runs: for a class of the user's own, the class."""
    parts = [(group, getattr(run.config, group)) for run in runs for group in ("agent", "env", "act")]
    return {(group, settings.name): choice_of(settings) for group, settings in parts}


def _together(
    missing: dict[Key, tuple[tuple[int, ...], tuple[str, ...] | None]], choices: dict[tuple[str, str], str]
) -> list[ToDo]:
    """One command for all activations of a game, and one for all games, that lack the same seeds."""
    by_game: dict[tuple, list[Method]] = defaultdict(list)
    for (game, method), (seeds, words) in missing.items():
        by_game[game, method[0], seeds, words].append(method)
    by_methods: dict[tuple, list[str]] = defaultdict(list)
    for (game, _, seeds, words), methods in by_game.items():
        by_methods[tuple(methods), seeds, words].append(game)
    found = []
    for (methods, seeds, words), games in by_methods.items():
        what = f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))} missing"
        if words is None:
            found.append(ToDo(tuple(games), methods, f"{what}; their settings cannot be told from the runs here", None))
        else:
            found.append(ToDo(tuple(games), methods, what, _command(games, methods, seeds, words, choices)))
    return found


def _command(
    games: Sequence[str],
    methods: Sequence[Method],
    seeds: Sequence[int],
    words: Sequence[str],
    choices: dict[tuple[str, str], str],
) -> str:
    acts = [method[1].partition(" ")[0] for method in methods]
    chosen = {"agent": [methods[0][0]], "env": games, "act": acts, "seed": map(str, seeds)}
    overrides = [f"{key}={','.join(choices.get((key, one), one) for one in values)}" for key, values in chosen.items()]
    several = ["-m"] if len(games) * len(methods) * len(seeds) > 1 else []
    return shlex.join(["python", "-m", "rrn.train", *several, *overrides, *words, "resume=true"])
