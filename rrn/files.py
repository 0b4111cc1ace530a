"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str, sync: bool = True) -> None:
    """Write a text; whoever reads the file meanwhile, or after a crash, finds the old text or the new one.

    With `sync` it outlasts a power cut; without, it costs no wait for the disk, for what is written again soon.
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
    """Make new names in a folder outlast a power cut; Windows has no such call."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
