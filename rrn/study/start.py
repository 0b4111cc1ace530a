"""Start what is left of a study: sweeps of `python -m rrn.train -m`, which skip what is done."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from rrn.common.console import detach_output
from rrn.config.own_folders import folder_words
from rrn.runs.signals import HANG_UP, stopping_signals
from rrn.study.plan import Part, PlannedRun
from rrn.sweeps.launchers import ON_A_CLUSTER
from rrn.sweeps.sweep import STOP_WITH


def start(part: Part, runs: Sequence[PlannedRun], console: Console) -> int:
    """Train these runs, and return the exit code: 0 if all are done, or that of the first sweep that has another one.

    On this machine one sweep follows the other, since each takes all cores; on a cluster all are in the queue at once.
    A signal is passed on to the sweeps, and no further one begins. If this process is killed, they stop too.
    """
    if not runs:
        console.print("nothing is left to do")
        return 0
    commands = sweeps(part, runs)
    at_once = any(f"hydra/launcher={name}" in part.overrides for name in (*ON_A_CLUSTER, "submitit_local"))
    children: list[subprocess.Popen] = []
    signals: list[int] = []

    def handle(number: int, frame: object) -> None:
        if number == HANG_UP:
            detach_output()
        signals.append(number)
        for child in children:
            if child.poll() is None:
                child.send_signal(number)

    before = {number: signal.signal(number, handle) for number in stopping_signals()}
    try:
        for words in commands:
            if signals:
                break
            console.print(Text(shlex.join(["python", *words])), soft_wrap=True)
            # in a session of its own Ctrl-C reaches the sweep only through `handle`, so once
            environment = {**os.environ, STOP_WITH: str(os.getpid())}
            children.append(subprocess.Popen([sys.executable, *words], env=environment, start_new_session=True))
            if not at_once:
                children[-1].wait()
        codes = [child.wait() for child in children]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if signals:
        console.print("stopped; the same command goes on")
        return 128 + signals[0]
    return next((code for code in codes if code), 0)


def sweeps(part: Part, runs: Sequence[PlannedRun]) -> list[list[str]]:
    """Return the arguments of Python for sweeps that do these runs and no others.

    Each sweep is a product of seeds, games and activations. They go seed by seed, so that a study that ends early has
    about as many seeds of each activation. Seeds that lack the same runs are one sweep, if these are a product.
    """
    groups: dict[tuple, list[PlannedRun]] = defaultdict(list)
    for run in runs:
        own = tuple(word for word in run.method.overrides if not word.startswith("steps="))
        groups[run.method.agent, own, run.steps].append(run)
    commands = []
    for (agent, own, steps), group in groups.items():
        for seeds, games, acts in _products(group):
            product = {"seed": map(str, seeds), "env": games, "act": acts}
            chosen = [f"{key}={','.join(values)}" for key, values in product.items()]
            words = [*part.plan.overrides, f"agent={agent}", *chosen, f"steps={steps}", *own, *part.overrides]
            commands.append(["-m", "rrn.train", "-m", *folder_words(), *words, "resume=true"])
    return commands


def _products(runs: Sequence[PlannedRun]) -> Iterator[tuple[list[int], Sequence[str], Sequence[str]]]:
    """Yield seeds, games and activations whose products are these runs."""
    acts: dict[int, dict[str, tuple[str, ...]]] = defaultdict(lambda: defaultdict(tuple))  # by seed and game
    for run in runs:
        acts[run.seed][run.game] += (run.method.act,)
    # games, activations, and the seed if its runs need several blocks: to the seeds
    blocks: dict[tuple, list[int]] = defaultdict(list)
    for seed, of_games in sorted(acts.items()):
        games: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for game, names in of_games.items():
            games[names].append(game)
        for names, same in games.items():
            blocks[tuple(same), names, seed if len(games) > 1 else None].append(seed)
    for (envs, names, _), seeds in blocks.items():
        yield seeds, envs, names
