"""Find out which run a folder holds, and whether a run may begin or resume there."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from pathlib import Path

from rrn.common.errors import UserError
from rrn.common.foreign_files import find_files, is_inside, read_bounded
from rrn.common.printable import printable
from rrn.config import Config, changed_settings
from rrn.config.foreign import MOST_BYTES
from rrn.config.load import load_run_config, read_config
from rrn.runs.checkpoint_files import find
from rrn.runs.status_file import read_status

RUN_ID = re.compile(r"^# run ([0-9a-f]{32})$", re.MULTILINE)  # a line of config.yaml


def read_run_id(folder: Path) -> str | None:
    """Return the id of the run in a folder, drawn at random when it began; None for older runs, without one."""
    try:
        match = RUN_ID.search(read_bounded(folder / "config.yaml", MOST_BYTES).decode("utf-8", errors="replace"))
    except (OSError, ValueError):
        return None
    return match[1] if match else None


def config_of(state: dict, folder: Path) -> Config | None:
    """Return the configuration of the run that wrote a checkpoint; None in older ones, or if it cannot be read.

    Args:
        state: of the checkpoint.
        folder: of the checkpoint; no code in it is run.
    """
    try:
        return read_config(state["run"]["config"], folder)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError, UserError):
        return None


def load_config(folder: Path) -> Config:
    """Load the configuration of the run in a folder: that of config.yaml or, if it is lost or damaged, of a checkpoint.

    Raises:
        UserError: no run is there, or neither can be read.
    """
    try:
        return load_run_config(folder)
    except UserError:
        from rrn.runs import checkpoint  # torch, which a whole config.yaml does without

        last = checkpoint.load_last(folder / "checkpoints")
        config = last and config_of(last[1], folder)
        if config is None:
            if last and not (folder / "config.yaml").exists():
                raise UserError(
                    f"{folder}: checkpoints are here, but the config.yaml of their run is missing; restore it from "
                    "a backup, or set run_dir."
                ) from None
            raise
        print(
            f"warning: {folder / 'config.yaml'} cannot be read; {last[0].name} has the settings too.", file=sys.stderr
        )
        return config


def is_finished(config: Config) -> bool:
    """Return whether the folder of the run holds it, trained to the end."""
    status = read_status(Path(config.run_dir))
    return status is not None and status.state == "done" and status.step >= config.steps and can_go_on(config)


def can_go_on(config: Config) -> bool:
    """Return whether a run could begin or, with resume=true, go on in its folder."""
    try:
        check_folder(Path(config.run_dir), replace(config, resume=True))
    except UserError:
        return False
    return True


def check_folder(folder: Path, config: Config) -> None:
    """Raise a UserError unless the folder is free, or holds the run to resume."""
    check_no_links(folder)
    kept = find(folder / "checkpoints")
    if not kept and not (folder / "config.yaml").exists():
        return
    if not config.resume:
        raise UserError(f"{folder}: a run is here already; go on with resume=true, or choose another seed or run_dir.")
    changed = changed_settings(load_config(folder), config)
    if changed:
        raise UserError(f"{folder}: the run here is of another configuration ({changed}); set it back or set run_dir.")


def check_no_links(folder: Path) -> None:
    """Refuse a folder with a file that is a link to another place: a run writes to its files, and cuts them.

    Folders may be links, such as one for checkpoints on a larger disk.

    Raises:
        UserError: names the file.
    """
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_symlink() and not path.is_dir() and not is_inside(path, folder):
            raise UserError(f"{path}: expected a file of this run, got a link to another place; copy the file itself.")


def find_runs(folders: list[Path], name: str) -> dict[str, Path]:
    """Find the runs in these folders that have a file of snapshots, by the part of their path that distinguishes them.

    Args:
        folders: of runs, or with runs in them at any depth; also the file itself.
        name: of that file.

    Raises:
        ValueError: a folder without any.
    """
    names = name, f"{name}.gz"
    runs: list[Path] = []
    for folder in folders:
        inside = (
            [folder.parent] if folder.name in names else sorted({path.parent for path in find_files(folder, names)})
        )
        if not folder.exists():
            raise ValueError(f"{folder}: no such folder; give that of a run, or one with runs in it.")
        if not inside:
            raise ValueError(f"{folder}: no run with snapshots is here; a run writes {name} at its first evaluation.")
        runs += [run for run in inside if run not in runs]
    common = os.path.commonpath([run.resolve().parent for run in runs])
    return {printable(os.path.relpath(run.resolve(), common)): run for run in runs}
