"""The file status.json of a run, and the command that shows those of many runs as one table.

python -m rrn.status runs --watch
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from rrn.common.errors import UserError
from rrn.common.files import write_whole
from rrn.config import Config
from rrn.runs.signals import command_line
from rrn.runs.table import Row, Screen, table, terminal_size

if TYPE_CHECKING:
    from rrn.training.trainer import Trainer

FILE = "status.json"
STATES = {"running", "done", "stopped", "failed"}
SOON, EVERY = 2.0, 10.0  # seconds between two updates, before training has a speed and then
SILENT = 600.0  # seconds without one after which a run on another machine counts as killed


@dataclass
class Status:
    """What status.json holds."""

    state: str  # running, done, stopped, failed; a reader may find out that it was killed
    why: str | None  # it stopped or failed
    step: int
    steps: int  # at which it is done
    last_return: float | None
    last_evaluation: float | None
    steps_per_second: float | None  # since the start of this process, with evaluations
    pid: int
    host: str
    started: str  # this process, not the first one of the run
    updated: str
    go_on: str  # the command that goes on with the run


class StatusFile:
    """Context that keeps the file of one run up to date: at the start, now and then, at each kind of end.

    Args:
        folder: of the run; it exists, and this process holds its lock.
        config: of the run.
        go_on: the command that goes on with it.
    """

    def __init__(self, folder: Path, config: Config, go_on: str):
        self.path = folder / FILE
        before = read_status(folder) if config.resume else None
        step, last_return, last_evaluation = (
            (before.step, before.last_return, before.last_evaluation) if before else (0, None, None)
        )
        now = _now()
        self.status = Status(
            state="running",
            why=None,
            step=step,
            steps=config.steps,
            last_return=last_return,
            last_evaluation=last_evaluation,
            steps_per_second=None,
            pid=os.getpid(),
            host=socket.gethostname(),
            started=now,
            updated=now,
            go_on=go_on,
        )
        self.trainer: Trainer | None = None
        self.began: tuple[float, int] | None = None  # time and step when training began
        self.next = 0.0

    def __enter__(self) -> StatusFile:
        self._write()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, UserError):
            self._end("failed", str(error))
        elif isinstance(error, Exception):
            self._end("failed", f"{kind.__name__}: {error}".splitlines()[0])
        elif error is not None:
            self._end("stopped", "at once, without a checkpoint")
        elif self.status.state == "running":
            self._end("done", None)

    def watch(self, stop: Callable[[], bool]) -> Callable[[], bool]:
        """The same question, which a trainer asks at each step, with a look at whether an update is due."""

        def asked() -> bool:
            if time.monotonic() >= self.next:
                with suppress(OSError):  # a full disk is for the checkpoint to report
                    self._update()
            return stop()

        return asked

    def stopped(self, number: int) -> None:
        """Training ended early, by this signal."""
        self._end("stopped", signal.Signals(number).name)

    def _end(self, state: str, why: str | None) -> None:
        with suppress(OSError):
            self._update(state, why)

    def _update(self, state: str = "running", why: str | None = None) -> None:
        status, trainer = self.status, self.trainer
        status.state, status.why, status.updated = state, why, _now()
        if trainer is not None and trainer.records is not None:
            status.step = trainer.step
            status.last_return = _number(trainer.last["return"])
            status.last_evaluation = _number(trainer.last["evaluation"])
            if self.began is None or trainer.step <= self.began[1]:  # still random play, or the first evaluation
                self.began = (time.monotonic(), trainer.step)
            else:
                status.steps_per_second = (trainer.step - self.began[1]) / (time.monotonic() - self.began[0])
        self._write()

    def _write(self) -> None:
        self.next = time.monotonic() + (EVERY if self.status.steps_per_second else SOON)
        write_whole(self.path, json.dumps(asdict(self.status), indent=1) + "\n", sync=False)


def read_status(folder: Path) -> Status | None:
    """The status of the run in a folder, `killed` if its process is no more; None if it has no such file."""
    try:
        values = json.loads((folder / FILE).read_text())
        status = Status(**{field.name: values[field.name] for field in fields(Status)})
        sensible = status.state in STATES and status.step >= 0 and status.steps >= 1 and isinstance(status.go_on, str)
        if not sensible or (status.steps_per_second or 0) < 0:
            return None
        seconds_between(status)  # both can be read
        killed = status.state == "running" and not _alive(status)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    if killed:
        return replace(status, state="killed", why=f"the process ended without a word after {status.updated[:19]}")
    return status


def is_running(pid: int) -> bool:
    """Is there such a process, and has it not ended already?"""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def seconds_between(status: Status) -> float:
    """How long the process had been running when it wrote the status."""
    return _seconds(status.updated) - _seconds(status.started)


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _alive(status: Status) -> bool:
    updated = _seconds(status.updated)
    if status.host != socket.gethostname():
        return time.time() - updated < SILENT
    try:
        # one that came after is another process with the same number
        return is_running(status.pid) and psutil.Process(status.pid).create_time() < updated + 60
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def rows_under(folder: Path) -> list[Row]:
    """A row for each run at any depth under a folder."""
    folders = sorted(path.parent for path in folder.rglob(FILE))
    return [Row(found, status.state, status.why, status) for found in folders if (status := read_status(found))]


def main(arguments: list[str]) -> None:
    """Print the table once, or keep it up to date."""
    parser = argparse.ArgumentParser("python -m rrn.status", description="What the runs under a folder are doing.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("runs"))
    parser.add_argument("--watch", action="store_true", help="refresh until Ctrl-C")
    args = parser.parse_args(arguments)
    with command_line():
        if not args.folder.is_dir():
            raise UserError(f"{args.folder}: no such folder; give one with runs in it.")
        if not args.watch:
            print("\n".join(table(rows_under(args.folder), terminal_size(sys.stdout)[0])))
            return
        screen = Screen(sys.stdout)
        with suppress(KeyboardInterrupt):
            while True:
                screen.draw(table(rows_under(args.folder), *terminal_size(sys.stdout)))
                time.sleep(2 if screen.live else 60)


if __name__ == "__main__":
    main(sys.argv[1:])
