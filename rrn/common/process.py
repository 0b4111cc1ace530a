"""Prepare the process of a command before it imports anything large: Ctrl-C, closed streams, encodings, folder."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType


def begin_command() -> None:
    """Prepare this process for a command: Ctrl-C ends it with one line, and nothing that it prints can fail.

    Ctrl-C ends the process at once, without an exception, which imports of compiled modules would garble; what has
    to be saved first sets a handler of its own (rrn/runs/signals.py).

    Raises:
        SystemExit: code 2, after a sentence: the working folder is gone, or an argument is not UTF-8.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else ignored, as for a job in the background
        signal.signal(signal.SIGINT, _end)
    _open_streams()
    try:
        os.getcwd()
    except OSError:
        _refuse("the working folder is gone; go to another one with cd, and start again there.")
    for word in sys.argv[1:]:
        try:
            word.encode()
        except UnicodeEncodeError:
            if sys.getfilesystemencoding() == "utf-8":
                _refuse(f"{escape_bytes(word)}: this is not UTF-8; rename what it names, and give the new name.")
            encoding = sys.getfilesystemencoding()
            _refuse(f"{escape_bytes(word)}: Python reads arguments as {encoding} here; set PYTHONUTF8=1.")


def escape_bytes(text: str) -> str:
    """Return a text in which bytes that are not UTF-8, as in names of files, are written as \\xe9."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_command_of_rrn() -> bool:
    """Return whether this process is the program rrn, or will run `python -m rrn` or `python -m rrn.<module>`."""
    if sys.argv[:1] != ["-m"]:  # it is so while Python looks for the module that it is to run
        return os.path.basename((sys.argv or [""])[0]) in ("rrn", "rrn.exe")
    module = sys.orig_argv[len(sys.orig_argv) - len(sys.argv)].removeprefix("-m")
    return module == "rrn" or module.startswith("rrn.")


def _open_streams() -> None:
    """Open what is closed of the standard streams, and let each replace characters that it cannot write."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # the next file to be opened would be it, and get what is meant for the terminal
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed, or pythonw
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        else:
            with suppress(AttributeError, ValueError):  # another class of stream
                stream.reconfigure(errors="backslashreplace")


def _end(number: int, frame: FrameType | None) -> None:
    with suppress(Exception):  # such as an interrupted print
        sys.stdout.flush()
    with suppress(OSError):
        os.write(2, b"stopped\n")
    os._exit(128 + number)


def _refuse(sentence: str) -> None:
    print(f"error: {sentence}", file=sys.stderr)
    raise SystemExit(2)
