"""Stop a run at its next step, not in the middle of one: by Ctrl-C, SIGTERM, a lost terminal or its sweep."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

from rrn.common.console import detach_output, print_in_signal_handler
from rrn.common.files import write_atomic

POLL = 1.0  # seconds between two looks at the file
HANG_UP = getattr(signal, "SIGHUP", None)  # the terminal is lost; Windows has no such signal


class StopSignals:
    """Remember the first signal within a context; the second one interrupts at once.

    SIGHUP is never the second one: when a terminal is lost, the system sends it, and then the shell too.

    Args:
        file: also stop when this file appears; the name of the signal that the sweep got is in it.
        parent: also stop when this process is no longer the one that started this.
        requeue: a signal after which a cluster starts the run again; it counts even after another one.
    """

    def __init__(self, file: Path | None = None, requeue: int | None = None, parent: int | None = None):
        self.signal: int | None = None
        self.file, self.requeue, self.parent = file, requeue, parent
        self.next = 0.0

    def __call__(self) -> bool:
        """Return whether a signal has come, by a handler or by the file."""
        if self.signal is None and self.file is not None and time.monotonic() >= self.next:
            self.next = time.monotonic() + POLL
            self.signal = requested_signal(self.file)
            if self.signal is None and self.parent not in (None, os.getppid()):
                self.signal = signal.SIGTERM
        return self.signal is not None

    def __enter__(self) -> StopSignals:
        self.before = {}
        numbers = [*stopping_signals(), *([self.requeue] if self.requeue else [])]
        if threading.current_thread() is threading.main_thread():  # others cannot set handlers
            self.before = {number: signal.signal(number, self._handle) for number in numbers}
        return self

    def __exit__(self, *error) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: object) -> None:
        if number == HANG_UP:
            detach_output()
            number = self.signal or number
        elif self.signal is not None and number != self.requeue:
            raise KeyboardInterrupt
        self.signal = number
        print_in_signal_handler("\nstopping after this step, with a checkpoint; once more to stop without")


def stopping_signals() -> list[int]:
    """List the signals to stop at; SIGHUP is left out under nohup, which ignores it."""
    numbers: list[int] = [signal.SIGINT, signal.SIGTERM]
    if HANG_UP is not None and signal.getsignal(HANG_UP) != signal.SIG_IGN:
        numbers.append(HANG_UP)
    return numbers


def request_stop(file: Path, number: int) -> None:
    """Write the file that stops every run which reads it, as if the run had received the signal."""
    write_atomic(file, signal.Signals(number).name)


def requested_signal(file: Path) -> int | None:
    """Read the signal in the file; None if there is no such file."""
    try:
        return signal.Signals[file.read_text(encoding="ascii")].value
    except FileNotFoundError:
        return None
