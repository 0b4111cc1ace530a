"""The terminal: print to it, end a command with a sentence, redraw a block of lines."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from rrn.common.errors import UserError


def detach_output() -> None:
    """From now on output goes nowhere, unless it goes into a file."""
    with open(os.devnull, "wb") as nowhere:
        for number in (1, 2):
            if not stat.S_ISREG(os.fstat(number).st_mode):
                os.dup2(nowhere.fileno(), number)


@contextmanager
def cli_errors() -> Iterator[None]:
    """Around a whole command: it ends with a sentence at a user's mistake (2), Ctrl-C (130) and a closed pipe (1)."""
    try:
        yield
        sys.stdout.flush()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print_in_signal_handler("stopped")
        raise SystemExit(128 + signal.SIGINT) from None
    except BrokenPipeError:  # as of `| head`
        detach_output()
        raise SystemExit(1) from None


def print_safely(text: str, stream: TextIO | None = None) -> None:
    """Print the text as it is, to standard output without a stream; that nobody reads it any more ends no run."""
    try:
        print(text, end="", file=stream, flush=True)
    except OSError:
        detach_output()


def print_in_signal_handler(line: str) -> None:
    """Write a line to standard error from a handler of signals, which may have come in the middle of a print."""
    with suppress(OSError):
        os.write(2, f"{line}\n".encode())


def terminal_size(stream: TextIO) -> tuple[int, int]:
    """Columns and lines of the terminal; where there is none, 80 columns or what COLUMNS says."""
    try:
        size = os.get_terminal_size(stream.fileno())
        return max(size.columns, 60), max(size.lines - 1, 5)
    except (OSError, ValueError):
        size = shutil.get_terminal_size()
        return max(size.columns, 60), 1_000


class Screen:
    """A block of lines at the bottom of a terminal; in a file, one block after the other."""

    def __init__(self, stream: TextIO):
        self.stream, self.live = stream, stream.isatty()
        self.drawn = 0

    def draw(self, lines: list[str]) -> None:
        """Show these lines in the place of those before."""
        self.clear()
        print("\n".join(lines), file=self.stream, flush=True)
        self.drawn = len(lines)

    def clear(self) -> None:
        """Take the block away."""
        if self.live and self.drawn:
            print(f"\x1b[{self.drawn}F\x1b[J", end="", file=self.stream, flush=True)
        self.drawn = 0
