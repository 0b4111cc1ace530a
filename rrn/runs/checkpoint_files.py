"""Name and find the checkpoints in the folder `checkpoints` of a run."""

from __future__ import annotations

from pathlib import Path


def path_of(folder: Path, step: int) -> Path:
    """Return the path of the checkpoint of an agent step."""
    return folder / f"step_{step:010d}.pt"


def find(folder: Path) -> list[Path]:
    """List the checkpoints of a folder, oldest first."""
    return sorted(folder.glob(f"step_{'[0-9]' * 10}.pt"))
