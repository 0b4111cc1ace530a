"""The progress line: rewritten in place on a terminal, one line a minute in a file."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from rrn.runs.signals import tell


class Progress:
    """Shows one line of text; `due` is cheap to ask at every step."""

    def __init__(self, stream: TextIO | None = None):
        self.stream = stream or sys.stderr
        self.live = self.stream.isatty()
        self.interval = 0.5 if self.live else 60.0  # seconds
        self.next = 0.0

    def due(self) -> bool:
        return time.monotonic() >= self.next

    def show(self, text: str) -> None:
        """Show the line now."""
        self.next = time.monotonic() + self.interval
        width = shutil.get_terminal_size().columns - 1
        tell(f"\r{text[:width]:<{width}}" if self.live else f"{text}\n", self.stream)

    def say(self, text: str) -> None:
        """Print a line that stays."""
        clear = f"\r{' ' * (shutil.get_terminal_size().columns - 1)}\r" if self.live else ""
        tell(f"{clear}{text}\n", self.stream)


def duration(seconds: float) -> str:
    """A time in at most six characters: 42s, 5m10s, 2h05m, 3d04h."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d{hour:02}h" if days < 100 else f"{days}d"
    return f"{hour}h{minute:02}m" if hour else f"{minute}m{second:02}s" if minute else f"{second}s"


def count(number: float) -> str:
    """A number of steps in at most five characters: 950, 15.2k, 1.50M."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            short = number / size
            return f"{short:.{2 if short < 9.995 else 1 if short < 99.95 else 0}f}{unit}"
    return f"{number:.0f}"
