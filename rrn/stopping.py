"""Ctrl-C and SIGTERM end a run at the next step instead of in the middle of one."""

from __future__ import annotations

import signal
import sys
import threading


class StopSignals:
    """Context in which the first signal is remembered and the second one interrupts at once."""

    def __init__(self):
        self.signal: int | None = None

    def __call__(self) -> bool:
        """Whether a signal has come."""
        return self.signal is not None

    def __enter__(self) -> StopSignals:
        self.before = {}
        if threading.current_thread() is threading.main_thread():  # others cannot set handlers
            self.before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *error) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: object) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number
        print("\nstopping after this step, with a checkpoint; once more to stop without", file=sys.stderr, flush=True)
