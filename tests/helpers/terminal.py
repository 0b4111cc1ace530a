"""Processes on a terminal of their own."""

from __future__ import annotations

import os
import pty
import signal
from pathlib import Path

from helpers.processes import Command


def start_on_terminal(
    arguments: list[str], folder: Path, hang_up: signal.Handlers = signal.SIG_DFL
) -> tuple[Command, int]:
    """Start `python -m <arguments>` with a terminal of its own; the process, and the descriptor that is the terminal.

    To close it is to lose the terminal, of which the process is told by SIGHUP unless `hang_up` says to ignore that.
    """
    terminal, inside = pty.openpty()
    process = Command(arguments, folder, Path(os.ttyname(inside)), hang_up)
    os.close(inside)
    return process, terminal
