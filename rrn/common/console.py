"""Print to the terminal, end a command with a sentence, and redraw a block of lines."""

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
from rrn.common.printable import printable_lines


def detach_output() -> None:
    """Discard all further output, unless it goes to a file."""
    with open(os.devnull, "wb") as nowhere:
        for number in (1, 2):
            with suppress(OSError):  # it is closed
                if not stat.S_ISREG(os.fstat(number).st_mode):
                    os.dup2(nowhere.fileno(), number)


@contextmanager
def cli_errors() -> Iterator[None]:
    """Turn UserError and OSError (code 2), Ctrl-C (130) and a closed pipe (1) into a message and an exit code."""
    try:
        yield
        sys.stdout.flush()
    except UserError as error:
        print(f"error: {printable_lines(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print_in_signal_handler("stopped")
        raise SystemExit(128 + signal.SIGINT) from None
    except BrokenPipeError:  # such as by `| head`
        detach_output()
        raise SystemExit(1) from None
    except OSError as error:  # such as a name that is too long
        print(f"error: {os_error(error)}.", file=sys.stderr)
        raise SystemExit(2) from None


def os_error(error: OSError) -> str:
    """Say in a few words what the operating system refused, and of which file."""
    why = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {why}" if error.filename else why


def print_safely(text: str, stream: TextIO | None = None) -> None:
    """Print text to a stream, by default standard output; if that is closed, discard all further output."""
    try:
        print(text, end="", file=stream, flush=True)
    except OSError:
        detach_output()


def print_in_signal_handler(line: str) -> None:
    """Write a line to standard error from a signal handler, which may interrupt a print."""
    with suppress(OSError):
        os.write(2, f"{line}\n".encode())


def terminal_size(stream: TextIO) -> tuple[int, int]:
    """Return columns and lines of the terminal; without one, 80 columns or the variable COLUMNS."""
    try:
        size = os.get_terminal_size(stream.fileno())
        return max(size.columns, 60), max(size.lines - 1, 5)
    except (OSError, ValueError):
        size = shutil.get_terminal_size()
        return max(size.columns, 60), 1_000


class Screen:
    """Redraw a block of lines at the bottom of a terminal; a file gets one block after the other."""

    def __init__(self, stream: TextIO):
        self.stream, self.live = stream, stream.isatty()
        self.drawn = 0

    def draw(self, lines: list[str]) -> None:
        """Replace the lines shown before by these."""
        self.clear()
        print("\n".join(lines), file=self.stream, flush=True)
        self.drawn = len(lines)

    def clear(self) -> None:
        """Erase the block."""
        if self.live and self.drawn:
            print(f"\x1b[{self.drawn}F\x1b[J", end="", file=self.stream, flush=True)
        self.drawn = 0
