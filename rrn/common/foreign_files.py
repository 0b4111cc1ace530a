"""Read and find files in folders that somebody else may have made: bounded, regular files only, no link out of them."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, BinaryIO

LIMIT = 1 << 28  # bytes of a log; those of runs of 200 million frames have less than a tenth
DEPTH = 40  # of folders within folders


def read_bounded(path: Path, limit: int = LIMIT) -> bytes:
    """Read a regular file that lies in its folder, and is no larger than a limit.

    Args:
        path: the file; its folder may itself be a link.
        limit: bytes at most.

    Raises:
        ValueError: it is a link out of its folder, no regular file, or larger.
        OSError: it does not exist, or cannot be read.
    """
    check_inside(path, path.parent)
    with open_regular(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"{path}: expected at most {limit:,} bytes, got more; make it smaller or take it out.")
    return data


def read_packed(path: Path, limit: int = LIMIT) -> bytes:
    """Read a file or, if it does not exist, the same name with .gz; empty if neither exists.

    Args:
        path: the file, read as `read_bounded` does.
        limit: bytes at most, before and after they are unpacked.

    Raises:
        ValueError: as `read_bounded`, or the .gz is damaged.
        OSError: it cannot be read.
    """
    if os.path.lexists(path):
        return read_bounded(path, limit)
    packed = path.with_name(f"{path.name}.gz")
    if not os.path.lexists(packed):
        return b""
    check_inside(packed, packed.parent)
    try:
        with open_regular(packed) as file:
            data = unpack(file, limit)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{packed}: this file is damaged; restore it from a backup.") from error
    if len(data) > limit:
        raise ValueError(f"{packed}: expected at most {limit:,} bytes in it, got more; take it out.")
    return data


def unpack(file: IO[bytes], limit: int) -> bytes:
    """Unpack gzip, at most one byte more than a limit."""
    with gzip.GzipFile(fileobj=file) as unpacked:
        return unpacked.read(limit + 1)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file to read; a named pipe, which would wait for ever, or a device is refused.

    Raises:
        ValueError: it is no regular file.
        OSError: it does not exist, or cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ValueError(f"{path}: expected a file, got something else, such as a folder or a pipe; take it out.")
    return open(handle, "rb")


def check_inside(path: Path, folder: Path) -> None:
    """Refuse a link that leads out of a folder: what it leads to is no part of the run.

    Raises:
        ValueError: it does.
    """
    if not is_inside(path, folder):
        raise ValueError(f"{path}: expected a file of this run, got a link to another place; copy the file itself.")


def is_inside(path: Path, folder: Path) -> bool:
    """Return whether a path is in a folder at any depth, or is it, after all links were followed."""
    root = os.path.realpath(folder)
    return os.path.commonpath([root, os.path.realpath(path)]) == root


def find_files(folder: Path, names: Collection[str]) -> list[Path]:
    """List the files of some names, or with some suffixes such as *.mp4, in a folder at any depth, sorted.

    Folders that are links, cannot be read or are nested too deeply are left out; what is found may be a link or a pipe.
    """
    suffixes = tuple(name[1:] for name in names if name.startswith("*"))
    return sorted(
        Path(entry.path)
        for entry in _entries(folder)
        if entry.name in names or (suffixes and entry.name.endswith(suffixes))
    )


def _entries(folder: Path) -> Iterator[os.DirEntry]:
    left = [(folder, 0)]
    while left:
        inner, depth = left.pop()
        try:
            entries = list(os.scandir(inner))
        except OSError:
            continue
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield entry
            elif depth < DEPTH:
                left.append((Path(entry.path), depth + 1))
