"""The names of checkpoints, in the folder `checkpoints` of a run."""

from __future__ import annotations

from pathlib import Path


def path_of(folder: Path, step: int) -> Path:
    """Where the checkpoint of an agent step is."""
    return folder / f"step_{step:010d}.pt"


def find(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first."""
    return sorted(folder.glob(f"step_{'[0-9]' * 10}.pt"))
