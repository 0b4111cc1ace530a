"""The command `python -m rrn.study PLAN [part] [start]`: show the runs of a study, their state and cost, or start them.

python -m rrn.study paper env=Pong act=rational seed=0,1 frames=40M
python -m rrn.study paper env=Pong start
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec

from rrn.common.command_line import version
from rrn.common.console import cli_errors, terminal_size
from rrn.common.errors import UserError
from rrn.common.extras import needs
from rrn.common.printable import printable

with cli_errors(), needs("python -m rrn.study", "rl"):
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from rrn.config import Config, changed_settings, with_seed
    from rrn.config.own_folders import folder_words, take_folders
    from rrn.runs.folder import load_config
    from rrn.runs.status_file import Status, read_status
    from rrn.study.cost import Cost, from_runs, measured
    from rrn.study.plan import Method, Part, PlannedRun, load_plan, take_part
    from rrn.sweeps.resources import max_parallel_runs

USAGE = (
    "python -m rrn.study PLAN [env=... agent=... act=... seed=...]\n"
    "                         [steps=...|frames=...] [measure=true|false]\n"
    "                         [--config-dir FOLDER] [start]"
)
HELP = """
PLAN is paper, minatar or a file of your own. Without start: what belongs to it,
its state and cost. The other words choose a part: env=Pong,Qbert act=rational
seed='range(0,3)'; frames=40M cuts runs at so many frames, steps=1M sets agent
steps; others are settings of the runs. measure=true measures the speed anew,
measure=false not at all."""
LETTERS = {
    "missing": ".",
    "done": "d",
    "running": "r",
    "stopped": "s",
    "killed": "k",
    "failed": "f",
    "shorter": "h",
    "other settings": "o",
}
NOT_STARTED = ("done", "running", "other settings")
NARROW = 7  # letters of the narrowest column of a table that can be read
RunStates = list[tuple[PlannedRun, str, Status | None]]  # the state is a key of LETTERS


def main(arguments: list[str]) -> None:
    """List the plan or start it; a user's mistake ends the command with a sentence and exit code 2."""
    with cli_errors():
        code = study(arguments)
    raise SystemExit(code)


def study(arguments: Sequence[str]) -> int:
    """Show or start the part of a study that the arguments choose; return the exit code.

    Raises:
        UserError: a mistake in the arguments.
    """
    words = [word for word in arguments if word not in ("start", "measure=false", "measure=true")]
    if {"-h", "--help"} & set(words):
        print(f"{USAGE}\n{HELP}")
        return 0
    if "--version" in words:
        print(f"rrn {version()}")
        return 0
    words = take_folders(words)
    if not words or words[0].startswith("-") or "=" in words[0]:
        raise UserError("expected a plan first, as in python -m rrn.study paper; --help says what there is.")
    part = take_part(load_plan(words[0]), words[1:])
    run_states = states(part)
    console = Console(width=terminal_size(sys.stdout)[0], highlight=False)
    show(console, part, run_states)
    if "start" in arguments:
        from rrn.study.start import start

        return start(part, [run for run, state, _ in run_states if state not in NOT_STARTED], console)
    left = [(run, status) for run, state, status in run_states if state not in ("done", "other settings")]
    if left:
        measure = next((word for word in ("true", "false") if f"measure={word}" in arguments), "needed")
        show_cost(console, part, left, run_states, measure)
        command = shlex.join(["python", "-m", "rrn.study", *words, *folder_words(), "start"])
        console.print(Text(f"start them: {command}"), soft_wrap=True)
    return 0


def states(part: Part) -> RunStates:
    """Find the state of each run; a folder with a run of other settings does not belong to the plan."""
    runs, configurations = [], {}
    for run in part.runs():
        status = read_status(run.folder)
        state = status.state if status else "missing"
        if state == "done" and status.step < run.steps:
            state = "shorter"
        elif state in ("stopped", "killed") and status.step >= run.steps < status.steps:  # of a larger budget
            state = "done"
        if status:
            key = run.game, run.method
            if key not in configurations:
                configurations[key] = part.configuration(*key)
            changed = _changed(run, configurations[key])
            if changed:
                state, status = "other settings", replace(status, why=changed)
        runs.append((run, state, status))
    return runs


def _changed(run: PlannedRun, config: Config) -> str:
    try:
        return changed_settings(load_config(run.folder), with_seed(config, run.seed))
    except (UserError, OSError) as error:
        return str(error)


def show(console: Console, part: Part, run_states: RunStates) -> None:
    """Print a table with a letter for each seed, and a line for each run that is neither done nor missing."""
    games, methods = part.plan.games, part.plan.methods
    of_agents = [[m for m in methods if m.agent == agent] for agent in dict.fromkeys(m.agent for m in methods)]
    table = _table(games, methods, run_states)
    if console.measure(table, options=console.options.update(max_width=1_000)).maximum <= console.width:
        console.print(table)
    elif (1 + max(map(len, of_agents))) * NARROW <= console.width:
        for some in of_agents:
            console.print(_table(games, some, run_states))
    else:
        console.print(_table_of_methods(games, methods, run_states))
    counts = {state: sum(s == state for _, s, _ in run_states) for state in LETTERS}
    console.print(
        f"{len(run_states)} runs, a letter for each seed: "
        + ", ".join(f"{LETTERS[state]} {state} {number}" for state, number in counts.items() if number)
    )
    for run, state, status in run_states:
        if state in ("missing", "done"):
            continue
        words = "done" if state == "shorter" else state
        why = f" ({status.why})" if status.why else ""
        console.print(Text(printable(f"{run.folder}: {words} at step {status.step:,} of {run.steps:,}{why}")))


def _table_of_methods(games: Sequence[str], methods: Sequence[Method], run_states: RunStates) -> Table:
    """Return a table with a row for each method, for plans with many."""
    table = Table(box=SIMPLE_HEAD, header_style="", pad_edge=False)
    table.add_column("method")
    for game in games:
        table.add_column(game, overflow="fold")
    for method in methods:
        own = [word for word in method.overrides if not word.startswith("run_dir=")]
        table.add_row(
            " ".join([method.agent, method.act, *own]), *(_letters(run_states, game, method) for game in games)
        )
    return table


def _letters(run_states: RunStates, game: str, method: Method) -> str:
    return "".join(LETTERS[state] for run, state, _ in run_states if (run.game, run.method) == (game, method))


def _table(games: Sequence[str], methods: Sequence[Method], run_states: RunStates) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="", pad_edge=False)
    table.add_column("game", no_wrap=True)
    for method in methods:
        head = "\n".join([method.agent, *method.act.replace("_", "_ ").split(), *method.overrides])
        table.add_column(head, overflow="fold")
    for game in games:
        table.add_row(game, *(_letters(run_states, game, method) for method in methods))
    return table


def show_cost(
    console: Console, part: Part, left: Sequence[tuple[PlannedRun, Status | None]], run_states: RunStates, measure: str
) -> None:
    """Print the steps, hours and disk space of the runs that are left.

    Hours and disk space are printed if each method has runs, or was measured before or now.

    Args:
        console: where to print.
        part: of the study.
        left: the runs that are left, with their status.
        run_states: all runs of the part.
        measure: needed, or true to measure even if there are runs, or false to measure nothing.
    """
    largest = max((run for run, _ in left), key=lambda run: run.transitions)
    config = part.configuration(largest.game, largest.method)
    costs: dict[Method, Cost] = {}
    for method in {run.method: None for run, _ in left}:
        of_method = [(run, status) for run, _, status in run_states if run.method == method and status]
        cost = None if measure == "true" else from_runs(of_method, config.checkpoint.keep)
        if cost is None and measure != "false":
            cost = measured(part, method, console.print, anew=measure == "true")
        if cost:
            costs[method] = cost
    steps = {run: max(run.steps - (status.step if status else 0), 0) for run, status in left}
    text = f"left: {len(left)} runs, {_steps(sum(steps.values()))} agent steps"
    if all(run.method in costs for run in steps):
        hours = sum(number / costs[run.method].rate for run, number in steps.items()) / 3600
        at_once = max_parallel_runs([config] * len(left), 0) if find_spec("joblib") else 1
        text += f", {_time(hours)} of one core; with {at_once} at a time {_time(hours / at_once)}"
    console.print(text)
    disks = [costs[run.method].disk_of(run) if run.method in costs else None for run, _ in left]
    if all(disk is not None for disk in disks):
        console.print(f"disk: about {sum(disks) / 1e9:,.1f} GB of checkpoints")
    for method, cost in costs.items():
        console.print(Text(f"{method.name}: {cost.rate:,.0f} agent steps a second, {cost.how}"))


def _steps(number: int) -> str:
    return f"{number / 1e6:,.1f} M" if number >= 100_000 else f"{number:,}"


def _time(hours: float) -> str:
    if hours < 72:
        return f"{hours:,.1f} hours"
    if hours < 24 * 730:
        return f"{hours / 24:,.0f} days"
    return f"{hours / 8766:,.0f} years"


if __name__ == "__main__":
    main(sys.argv[1:])
