"""Kill runs of every agent at random moments, resume them to the end, and compare with runs that were never stopped.

python scripts/reliability/kills.py --kills 100

Everything in the last checkpoint (weights, coefficients, optimiser, replay buffer, environments, random numbers), the
logged scalars and the snapshots of activations must be equal bit for bit. Prints one line of figures; exit code 1 if
anything differs or a resumed run fails.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import random
import runpy
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from rrn.runs import checkpoint

SERVER = multiprocessing.get_context("forkserver")  # a fork begins at once, imports would take seconds
SERVER.set_forkserver_preload(["stable_baselines3", "rrn.training.trainer", "rrn.activations.inspection.plot"])
MOST = 4  # kills of one run, after which it may end
SMALL = ["experiment=smoke", "steps=400", "checkpoint.every=40", "evaluation.every=100", "log_every=20"]
SMALL += ["threads=1", "device=cpu"]
AGENTS = ("dqn", "ddqn", "ppo", "pqn", "sb3_dqn", "sb3_ppo")
ACTS = {"CartPole": ["act=recurrent_rational"], "MinAtar-Breakout": ["act=rational", "act.version=D"]}
RUNS = {f"{agent} {env}": [f"agent={agent}", f"env={env}", *ACTS[env]] for env in ACTS for agent in AGENTS}


def main() -> None:
    """Read the options, kill and compare until there were enough kills, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="SIGKILLs at least (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    options = parser.parse_args()
    random.seed(options.seed)
    kills, runs, faults = 0, 0, []
    with tempfile.TemporaryDirectory() as home:
        whole: dict[str, float] = {}
        kinds = itertools.cycle(RUNS)
        while kills < options.kills:
            name, folder = next(kinds), Path(home) / "killed"
            unbroken = Path(home) / f"whole {name}"
            if name not in whole:
                whole[name] = train_whole(unbroken, RUNS[name])
            kills += kill_often(folder, RUNS[name], whole[name])
            runs += 1
            faults += [f"{name}: {what}" for what in differences(unbroken, folder)]
            shutil.rmtree(folder)
    print("\n".join(faults), end="\n" if faults else "")
    print(f"{kills} kills of {runs} runs, {len(whole)} kinds of run: {len(faults)} differences")
    raise SystemExit(bool(faults))


def train_whole(folder: Path, words: list[str]) -> float:
    """Train without a stop; return the seconds it took."""
    began = time.monotonic()
    process = start(folder, words)
    process.join()
    if process.exitcode:
        raise SystemExit((folder.parent / "output.txt").read_text("utf-8"))
    return time.monotonic() - began


def kill_often(folder: Path, words: list[str], seconds: float) -> int:
    """Start a run and kill it at random moments, at most MOST times, then let it end; return the number of kills."""
    for kills in range(MOST + 1):
        process = start(folder, words)
        process.join(random.uniform(0, seconds) if kills < MOST else None)
        if process.exitcode is not None:
            break
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    if process.exitcode:
        print((folder.parent / "output.txt").read_text("utf-8"))
    return kills


def start(folder: Path, words: list[str], output: Path | None = None) -> multiprocessing.Process:
    """Start or resume a run in a process of its own; what it prints goes to a file, beside the folder by default."""
    arguments = ["rrn.train", *SMALL, *words, f"run_dir='{folder}'", "resume=true"]
    process = SERVER.Process(target=_run, args=(arguments, output or folder.parent / "output.txt"))
    process.start()
    return process


def _run(arguments: list[str], output: Path) -> None:
    with open(output, "wb", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def differences(whole: Path, killed: Path) -> Iterator[str]:
    """Name what differs between two finished runs, but for their ids and speeds."""
    (path, mine), (_, theirs) = (checkpoint.load_last(folder / "checkpoints") for folder in (whole, killed))
    if mine["step"] != theirs["step"]:
        yield f"the last checkpoint is of step {theirs['step']}, not {mine['step']}"
    for state in (mine, theirs):
        del state["run"], state["lengths"]  # the id, and the sizes of logs, in which the speed has other digits
    yield from (f"{path.name}: {key}" for key in unequal(mine, theirs))
    if scalars(whole) != scalars(killed):
        yield "scalars.csv"
    if (whole / "shapes.jsonl").read_bytes() != (killed / "shapes.jsonl").read_bytes():
        yield "shapes.jsonl"


def unequal(mine: object, theirs: object, name: str = "") -> Iterator[str]:
    """Name the entries of nested dictionaries and lists that are not equal bit for bit."""
    if isinstance(mine, dict) and isinstance(theirs, dict) and mine.keys() == theirs.keys():
        for key in mine:
            yield from unequal(mine[key], theirs[key], f"{name}.{key}")
    elif isinstance(mine, list | tuple) and isinstance(theirs, list | tuple) and len(mine) == len(theirs):
        for number, pair in enumerate(zip(mine, theirs, strict=True)):
            yield from unequal(*pair, f"{name}.{number}")
    elif isinstance(mine, torch.Tensor) and isinstance(theirs, torch.Tensor):
        if (
            mine.dtype != theirs.dtype
            or mine.shape != theirs.shape
            or mine.numpy().tobytes() != theirs.numpy().tobytes()
        ):
            yield name
    elif mine != theirs and not (mine != mine and theirs != theirs):  # NaN: no game has ended yet
        yield name


def scalars(folder: Path) -> list[str]:
    """Read the rows of scalars.csv but for the speed, which no two runs share."""
    lines = (folder / "scalars.csv").read_text("utf-8").splitlines()
    return [line for line in lines if "per_second" not in line]


if __name__ == "__main__":
    main()
