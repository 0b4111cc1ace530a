"""Write and read checkpoints: whole or not at all, checked before use, unable to run code.

A checkpoint is one zip file of torch.save with tensors, numbers and strings in it, whose comment holds a checksum of
all bytes before it. checkpoint_checks.py checks what is in one, and of which run it is.
"""

from __future__ import annotations

import errno
import os
import pickle
import re
import struct
import sys
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import torch

from rrn.common.device import is_out_of_memory
from rrn.common.errors import UserError, first_line
from rrn.common.files import sync_folder
from rrn.common.foreign_files import open_regular
from rrn.runs.checkpoint_contents import check_contents
from rrn.runs.checkpoint_files import find, path_of

FORMAT = 3
CHECKSUM = re.compile(rb"rrn crc32 ([0-9a-f]{8})")  # the comment at the end of the zip
CHECKSUM_BYTES = 18


class Damaged(UserError):
    """Report a checkpoint whose bytes are not those that were written."""


def save(folder: Path, step: int, state: dict, keep: int) -> Path:
    """Write the checkpoint of agent step `step`; delete later ones, and all but the last `keep`.

    Raises:
        UserError: it cannot be written, as on a full disk; earlier checkpoints are untouched.
    """
    target = path_of(folder, step)
    write(target, state)
    for path in find(folder):
        if path > target:  # damaged, or the run has gone back behind it
            path.unlink()
    for left in folder.glob("step_*.partial"):  # of a process that was killed while it wrote
        left.unlink()
    for old in find(folder)[:-keep]:
        old.unlink()
    for beside in folder.glob("step_*.zip"):  # the same agents for stable-baselines3
        if not beside.with_suffix(".pt").exists():
            beside.unlink()
    return target


def write(target: Path, state: dict) -> None:
    """Write a state to a file, whole or not at all, with its checksum.

    Raises:
        UserError: it cannot be written, as on a full disk; the file that was there is untouched.
    """
    partial = target.with_suffix(".partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            torch.save({"format": FORMAT, **state}, file)
        with open(partial, "r+b") as file:
            _seal(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
        sync_folder(target.parent)
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        last = find(target.parent) or find(target.parent.parent / "checkpoints")
        raise UserError(
            f"{target}: the checkpoint could not be written ({_reason(error)}); free some space and go on with "
            f"resume=true from {last[-1].name if last else 'the start, there is no earlier one'}."
        ) from error


def load_last(folder: Path) -> tuple[Path, dict] | None:
    """Return path and state of the last undamaged checkpoint; None if the folder has none at all.

    Raises:
        UserError: there are checkpoints, but each is damaged.
    """
    paths = find(folder)
    for path in reversed(paths):
        try:
            return path, load(path)
        except Damaged as error:
            print(f"warning: {error}{' Trying the one before it.' if path != paths[0] else ''}", file=sys.stderr)
    if paths:
        raise UserError(f"{folder}: none of the {len(paths)} checkpoints is whole; start again in another run_dir.")
    return None


def load(path: Path) -> dict:
    """Read the state in a checkpoint, on the CPU. No code in the file is run.

    Raises:
        UserError: damaged, of another format, or too large for the memory.
    """
    try:
        with open_regular(path) as file:
            sealed = _check_seal(file)
        with zipfile.ZipFile(path) as archive:
            broken = None if sealed else archive.testzip()
        if broken is not None:
            raise zipfile.BadZipFile(f"checksum of {broken}")
    except (OSError, MemoryError) as error:
        if getattr(error, "errno", None) != errno.EINVAL:  # EINVAL: damage made the reader seek to a wrong place
            raise UserError(f"{path}: this checkpoint cannot be read now ({_reason(error)}).") from error
        raise Damaged(f"{path}: this checkpoint is damaged ({_reason(error)}).") from error
    except Exception as error:  # a damaged file can fail anywhere in the reader
        raise Damaged(f"{path}: this checkpoint is damaged ({_reason(error)}).") from error
    try:
        check_contents(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise _not_loaded(path, error, sealed) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise UserError(f"{path}: expected a checkpoint of format {FORMAT}; this one was written by another version.")
    return state


def _not_loaded(path: Path, error: Exception, sealed: bool) -> UserError:
    """Say why torch refused a file that is a zip: it is not ours, there is no memory for it, or, unsealed, damage."""
    if is_out_of_memory(error):
        return UserError(f"{path}: this checkpoint cannot be loaded ({_reason(error)}).")
    if isinstance(error, pickle.UnpicklingError) or "TorchScript" in str(error):  # torch advises to run what is in it
        return UserError(
            f"{path}: this file is no checkpoint of a run: it holds more than tensors, numbers and text, and is not "
            "opened; take it out of the folder."
        )
    if sealed:
        return UserError(f"{path}: this checkpoint cannot be loaded ({_reason(error)}).")
    return Damaged(f"{path}: this checkpoint is damaged ({_reason(error)}).")


def _seal(file: BinaryIO) -> None:
    """Give the zip its comment, with the checksum of all bytes before."""
    file.seek(-2, os.SEEK_END)  # the length of the comment, of which torch writes none
    if file.read() != b"\0\0":
        raise RuntimeError("torch wrote a zip file with a comment")
    file.seek(-2, os.SEEK_END)
    file.write(struct.pack("<H", CHECKSUM_BYTES))
    end = file.tell()
    file.write(b"rrn crc32 %08x" % _crc(file, end))


def _check_seal(file: BinaryIO) -> bool:
    """Return whether the file has a checksum; older checkpoints have none.

    Raises:
        BadZipFile: it has one, of other bytes.
    """
    end = file.seek(0, os.SEEK_END) - CHECKSUM_BYTES
    if end < 0:
        return False
    file.seek(end)
    seal = CHECKSUM.fullmatch(file.read())
    if seal and int(seal[1], 16) != _crc(file, end):
        raise zipfile.BadZipFile("checksum of the file")
    return seal is not None


def _crc(file: BinaryIO, end: int) -> int:
    """Compute the CRC-32 of the first `end` bytes; the file position is `end` afterwards."""
    file.seek(0)
    crc = 0
    while end > file.tell():
        crc = zlib.crc32(file.read(min(1 << 20, end - file.tell())), crc)
    return crc


def _reason(error: BaseException) -> str:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return getattr(error, "strerror", None) or first_line(error)
