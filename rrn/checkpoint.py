"""Checkpoints: written whole or not at all, checked before they are used, unable to run code.

A checkpoint is one zip file of torch.save with tensors, numbers and strings in it; the zip's own
checksums tell a damaged one.
"""

from __future__ import annotations

import errno
import os
import sys
import zipfile
from pathlib import Path

import torch

from rrn.errors import UserError, first_line

FORMAT = 3


class Damaged(UserError):
    """A checkpoint whose bytes are not those that were written."""


def save(folder: Path, step: int, state: dict, keep: int) -> Path:
    """Write the checkpoint of agent step `step`; later ones go, and all but the last `keep` before.

    Raises:
        UserError: it cannot be written, as on a full disk; earlier checkpoints are untouched.
    """
    target = path_of(folder, step)
    partial = target.with_suffix(".partial")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            torch.save({"format": FORMAT, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
        _sync_folder(folder)
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        last = find(folder)
        raise UserError(
            f"{target}: the checkpoint could not be written ({_reason(error)}); free some space and go on with "
            f"resume=true from {last[-1].name if last else 'the start, there is no earlier one'}."
        ) from error
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


def path_of(folder: Path, step: int) -> Path:
    """Where the checkpoint of an agent step is."""
    return folder / f"step_{step:010d}.pt"


def find(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    return sorted(folder.glob(f"step_{'[0-9]' * 10}.pt"))


def load_last(folder: Path) -> tuple[Path, dict] | None:
    """Path and state of the last checkpoint that is whole; None if the folder has none at all.

    Raises:
        UserError: there are checkpoints, but each is damaged.
    """
    paths = find(folder)
    for path in reversed(paths):
        try:
            return path, load(path)
        except Damaged as error:
            print(f"warning: {error} Trying the one before it.", file=sys.stderr)
    if paths:
        raise UserError(f"{folder}: none of the {len(paths)} checkpoints is whole; start again in another run_dir.")
    return None


def load(path: Path) -> dict:
    """The state in a checkpoint, on the CPU. Nothing in the file is run.

    Raises:
        UserError: damaged, of another format, or too large for the memory.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
        if broken is not None:
            raise zipfile.BadZipFile(f"checksum of {broken}")
    except (OSError, MemoryError) as error:
        if getattr(error, "errno", None) != errno.EINVAL:  # that of a damaged file, which leads the reader astray
            raise UserError(f"{path}: this checkpoint cannot be read now ({_reason(error)}).") from error
        raise Damaged(f"{path}: this checkpoint is damaged ({_reason(error)}).") from error
    except Exception as error:  # a damaged file can fail anywhere in the reader
        raise Damaged(f"{path}: this checkpoint is damaged ({_reason(error)}).") from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whole, but not ours, or there is no memory for it
        raise UserError(f"{path}: this checkpoint cannot be loaded ({_reason(error)}).") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise UserError(f"{path}: expected a checkpoint of format {FORMAT}; this one was written by another version.")
    return state


def _reason(error: BaseException) -> str:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return getattr(error, "strerror", None) or first_line(error)


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut; Windows has no such call."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
