"""Processes on a terminal of their own."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

from helpers.processes import Command


def start_on_terminal(
    arguments: list[str], folder: Path, hang_up: signal.Handlers = signal.SIG_DFL
) -> tuple[subprocess.Popen, int]:
    """Start `python -m <arguments>` with a terminal of its own; the process, and the descriptor that is the terminal.

    To close it is to lose the terminal, of which the process is told by SIGHUP unless `hang_up` says to ignore that.
    """
    terminal, inside = pty.openpty()

    def take() -> None:
        signal.signal(signal.SIGHUP, hang_up)  # these tests may run under nohup themselves
        os.setsid()
        fcntl.ioctl(inside, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=folder, stdin=inside, stdout=inside, stderr=inside, preexec_fn=take
    )
    os.close(inside)
    return process, terminal


def fork_on_terminal(
    arguments: list[str], folder: Path, hang_up: signal.Handlers = signal.SIG_DFL
) -> tuple[Command, int]:
    """The same in a fork, which starts at once; not for sweeps: a fork waits for idle workers of joblib at its end."""
    terminal, inside = pty.openpty()
    process = Command(arguments, folder, Path(os.ttyname(inside)), hang_up)
    os.close(inside)
    return process, terminal
