"""Show the progress line: rewritten in place on a terminal, one line a minute in a file."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TextIO

from rrn.common.console import print_safely
from rrn.common.numbers import duration, fixed_or_dash


def progress_line(at: str, rate: float, left: int, last: dict[str, float]) -> str:
    """Say how far a run is.

    Args:
        at: agent steps so far and in all, in words.
        rate: agent steps per second.
        left: agent steps that are left.
        last: `return` of the last episode of training, and mean return of the last `evaluation`.
    """
    time_left = duration(max(left, 0) / rate) if rate > 0 else "?"
    returns = f"return {fixed_or_dash(last['return'], 0)} eval {fixed_or_dash(last['evaluation'], 1)}"
    return f"{at} {rate:.0f}/s left {time_left} {returns}"


class Progress:
    """Show one line of text; `due` is cheap enough for every step."""

    def __init__(self, stream: TextIO | None = None):
        self.stream = stream or sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # None: pythonw
        self.live = self.stream.isatty()
        self.interval = 0.5 if self.live else 60.0  # seconds
        self.next = 0.0

    def due(self) -> bool:
        return time.monotonic() >= self.next

    def show(self, text: str) -> None:
        """Show a line now; on a terminal it replaces the one before."""
        self.next = time.monotonic() + self.interval
        width = shutil.get_terminal_size().columns - 1
        print_safely(f"\r{text[:width]:<{width}}" if self.live else f"{text}\n", self.stream)

    def say(self, text: str) -> None:
        """Print a line that stays."""
        clear = f"\r{' ' * (shutil.get_terminal_size().columns - 1)}\r" if self.live else ""
        print_safely(f"{clear}{text}\n", self.stream)
