"""Write files whole or not at all; foreign_files.py reads them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from rrn.common.errors import UserError


def write_atomic(path: Path, text: str, sync: bool = True) -> None:
    """Write a text atomically: a reader, even after a crash, finds the old text or the new one.

    Args:
        path: the file; <name>.partial is written beside it first.
        text: its content, encoded as UTF-8.
        sync: wait for the disk, so that the text outlasts a power cut; False for what is written again soon.
    """
    partial = path.with_suffix(".partial")
    with open(partial, "w", encoding="utf-8") as file:
        file.write(text)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    os.replace(partial, path)
    if sync:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk, so that they outlast a power cut; Windows has no such call."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def is_open_at(file: IO, path: Path) -> bool:
    """Return whether a path still names an open file, which may have been deleted or replaced."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def copy_open_file(file: IO, path: Path) -> None:
    """Copy an open file that was deleted to a path; it must be flushed and readable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as copy:
        while part := os.pread(file.fileno(), 1 << 20, copy.tell()):
            copy.write(part)


def expand_home(name: str, text: str) -> str:
    """Replace ~ or ~user at the beginning of a path by the home folder, as a shell does.

    Args:
        name: of the setting, for the error.
        text: the path.

    Raises:
        UserError: there is no such user.
    """
    path = os.path.expanduser(text)
    if path.startswith("~"):
        raise UserError(f"{name}={text}: there is no user of this name; a folder that is called so is ./{text}.")
    return path
