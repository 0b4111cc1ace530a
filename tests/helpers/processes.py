"""Commands in processes of their own that start at once: forks of a process that has imported torch and the rest."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
import time
from pathlib import Path

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["torch._dynamo", "stable_baselines3", "rrn.training.trainer", "rrn.activations.inspection.plot"]
)


class Command:
    """`python -m <arguments>` in a folder; what it prints goes to a file, or to a terminal, which becomes its own.

    Its methods are those of subprocess.Popen.
    """

    def __init__(
        self, arguments: list[str], folder: Path, output: Path, hang_up: signal.Handlers = signal.SIG_DFL
    ) -> None:
        self.output = output
        self.process = SERVER.Process(target=_run, args=(arguments, folder, output, hang_up))
        self.process.start()
        self.pid = self.process.pid

    @property
    def returncode(self) -> int | None:
        """Exit code, or minus the number of the signal that ended it; None while it runs."""
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float = 900) -> tuple[str, None]:
        """Wait for the end; all that was printed."""
        self.process.join(timeout)
        assert self.returncode is not None, f"it still runs after {timeout} s: {self.output.read_text('utf-8')}"
        return self.output.read_text("utf-8"), None

    def wait(self, timeout: float = 900) -> int:
        """Wait for the end; the exit code."""
        self.process.join(timeout)
        assert self.returncode is not None, f"it still runs after {timeout} s"
        return self.returncode


def kill_after(process: Command, folder: Path, checkpoints: int, delay: float) -> None:
    """SIGKILL some time after so many checkpoints have been written since the start."""
    from rrn.runs import checkpoint  # imports torch, which tests of other frameworks are without

    seen = set(checkpoint.find(folder / "checkpoints"))
    known = len(seen)
    limit = time.monotonic() + 900
    while len(seen) < known + checkpoints:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < limit
        time.sleep(0.005)
        seen |= set(checkpoint.find(folder / "checkpoints"))
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def _run(arguments: list[str], folder: Path, output: Path, hang_up: signal.Handlers) -> None:
    signal.signal(signal.SIGHUP, hang_up)  # these tests may run under nohup themselves
    os.setsid()
    os.chdir(folder)
    file = os.open(output, os.O_RDWR | os.O_CREAT)  # after setsid the first terminal that is opened is its own
    for number in (0, 1, 2):
        os.dup2(file, number)
    os.close(file)
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
