"""Write and read status.json of a run: what it is doing, and how it ended."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path

import psutil

from rrn.common.errors import UserError, first_line
from rrn.common.files import write_atomic
from rrn.common.foreign_files import read_bounded
from rrn.common.printable import printable
from rrn.config import Config

STATUS_FILE = "status.json"
STATES = {"running", "done", "stopped", "failed"}
SOON, EVERY = 2.0, 10.0  # seconds between two updates, before training has a speed and then
MOST_BYTES = 1 << 17  # of the file
LARGEST = 1e30  # number in it
SILENT = 600.0  # seconds without one after which a run on another machine counts as killed


@dataclass
class Status:
    """Hold the values of status.json."""

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
    """Keep the file of one run up to date within a context: at the start, now and then, at each kind of end.

    Args:
        folder: of the run; it exists, and this process holds its lock.
        config: of the run.
        go_on: the command that goes on with it.
    """

    def __init__(self, folder: Path, config: Config, go_on: str):
        self.path = folder / STATUS_FILE
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
        self.began: tuple[float, float] = 0.0, math.inf  # time and step when training began
        self.next = 0.0

    def __enter__(self) -> StatusFile:
        self._write()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, UserError):
            self._put_down("failed", str(error))
        elif isinstance(error, Exception):
            self._put_down("failed", f"{kind.__name__}: {error}".splitlines()[0])
        elif error is not None:
            self._put_down("stopped", "at once, without a checkpoint")
        elif self.status.state == "running":
            self._put_down("done", None)

    def update(self, step: int, last_return: float, last_evaluation: float) -> None:
        """Take the figures of a run that trains, NaN for none yet, and write the file if that is due."""
        status, now = self.status, time.monotonic()
        status.step, status.last_return, status.last_evaluation = step, _number(last_return), _number(last_evaluation)
        if step <= self.began[1]:  # still random play, or the first evaluation
            self.began = now, step
        else:
            status.steps_per_second = (step - self.began[1]) / max(now - self.began[0], 1e-9)
        if now >= self.next:
            self._put_down("running", None)

    def stopped(self, number: int | None) -> None:
        """Note that training ended early, by this signal; None: by a callback."""
        self._put_down("stopped", "a callback" if number is None else signal.Signals(number).name)

    def _put_down(self, state: str, why: str | None) -> None:
        self.status.state, self.status.why, self.status.updated = state, why, _now()
        with suppress(OSError):  # a full disk is for the checkpoint to report
            self._write()

    def _write(self) -> None:
        self.next = time.monotonic() + (EVERY if self.status.steps_per_second else SOON)
        write_atomic(self.path, json.dumps(asdict(self.status), indent=1) + "\n", sync=False)


def read_status(folder: Path) -> Status | None:
    """Read the status of the run in a folder, `killed` if its process is no more; None if it has none to read."""
    try:
        return load_status(folder)
    except (OSError, ValueError):
        return None


def load_status(folder: Path) -> Status:
    """Load the status of the run in a folder, `killed` if its process is no more.

    Raises:
        ValueError: the file is damaged, or none that a run writes.
        OSError: it does not exist, or cannot be read.
    """
    path = folder / STATUS_FILE
    data = read_bounded(path, MOST_BYTES)
    try:
        status = _checked(json.loads(data.decode("utf-8")))
        killed = status.state == "running" and not _alive(status)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        reason = f"{first_line(error)} is missing" if isinstance(error, KeyError) else first_line(error)
        raise ValueError(f"{path}: this file is damaged ({printable(reason, 200)}).") from error
    if killed:
        return replace(status, state="killed", why=f"the process ended without a word after {status.updated[:19]}")
    return status


def _checked(values: dict) -> Status:
    """Make a status of the values in a file.

    Raises:
        ValueError, KeyError, TypeError, OverflowError: a value is missing, or none that a run writes.
    """
    status = Status(**{field.name: values[field.name] for field in fields(Status)})
    _require(status.state in STATES, "state", status.state)
    for name, least in (("step", 0), ("steps", 1), ("pid", 1)):
        value = getattr(status, name)
        _require(type(value) is int and least <= value < 2**63, name, value)
    for name in ("last_return", "last_evaluation", "steps_per_second"):
        value = getattr(status, name)
        _require(value is None or (type(value) in (int, float) and abs(value) < LARGEST), name, value)
    _require((status.steps_per_second or 0) >= 0, "steps_per_second", status.steps_per_second)
    for name in ("host", "started", "updated", "go_on"):
        _require(isinstance(getattr(status, name), str), name, getattr(status, name))
    _require(status.why is None or isinstance(status.why, str), "why", status.why)
    seconds_between(status)  # both can be read
    return status


def _require(holds: bool, name: str, value: object) -> None:
    if not holds:
        raise ValueError(f"{name} is {value!r:.60}")


def is_running(pid: int) -> bool:
    """Return whether the process exists and has not ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def seconds_between(status: Status) -> float:
    """Return how long the process had been running when it wrote the status."""
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
