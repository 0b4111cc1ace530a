"""Call a function in a fork of this process, with limits, and see what it printed and how it ended."""

from __future__ import annotations

import os
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass

SECONDS, MEMORY = 120, 6 << 30  # of processor time, and bytes of addresses


@dataclass(frozen=True)
class Outcome:
    """How a call ended."""

    code: int  # exit code; 1 after an exception, minus the number of a signal
    output: str  # standard output and error
    bytes: int  # most memory at once


def call(function: Callable[[], object], cwd: str | os.PathLike) -> Outcome:
    """Call a function in a fork, in another working directory; SystemExit gives the exit code."""
    sys.stdout.flush()
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            _call_and_exit(function, cwd, output.fileno())
        _, status, usage = os.wait4(child, 0)
        output.seek(0)
        text = output.read().decode("utf-8", "surrogateescape")
    return Outcome(os.waitstatus_to_exitcode(status), text, usage.ru_maxrss * 1024)


def _call_and_exit(function: Callable[[], object], cwd: str | os.PathLike, output: int) -> None:
    code = 0
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(cwd)
        signal.alarm(5 * SECONDS)  # of a call that waits
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        function()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 2
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
