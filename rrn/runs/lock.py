"""Let only one process train in the folder of a run, even if its lock file is deleted meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from rrn.common.errors import UserError
from rrn.runs.status_file import read_status

POLL = 2.0  # seconds between two looks at the file


class RunLock:
    """Lock a folder within a context, so that only this process trains in it.

    Raises:
        UserError: another process does.
    """

    def __init__(self, folder: Path):
        self.folder, self.path = folder, folder / "lock"
        self.locks: list[FileLock] = []
        self.next = 0.0

    def __enter__(self) -> RunLock:
        was_there = self.path.exists()
        self._acquire(f"{self.folder}: another process is training here; wait for it or set run_dir.")
        status = None if was_there else read_status(self.folder)
        if status is not None and status.state == "running" and status.pid != os.getpid():
            self.__exit__()
            self.path.unlink(missing_ok=True)  # or it would hide the next time that the file was gone
            raise UserError(
                f"{self.folder}: process {status.pid} on {status.host} is training here, though its lock file is gone; "
                "wait for it or set run_dir."
            )
        return self

    def __exit__(self, *error: object) -> None:
        for lock in self.locks:
            lock.release()

    def watch(self, stop: Callable[[], bool]) -> Callable[[], bool]:
        """Return a function that calls `stop`, and every two seconds checks that the lock file is still ours.

        If the file was deleted, the function creates and locks it again.

        Raises:
            UserError: by the function, if another process was quicker and trains here.
        """

        def asked() -> bool:
            if time.monotonic() >= self.next:
                self.next = time.monotonic() + POLL
                with suppress(OSError):  # a full disk is for the checkpoint to report
                    self._renew()
            return stop()

        return asked

    def _renew(self) -> None:
        if _identity(self.path) != self.held:
            self._acquire(
                f"{self.folder}: the lock file was deleted, and another process is training here now; this one ends "
                "without a checkpoint."
            )

    def _acquire(self, refusal: str) -> None:
        lock = FileLock(self.path, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise UserError(refusal) from None
        self.locks.append(lock)
        self.held = _identity(self.path)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
