"""Where what a run shows goes: TensorBoard events, scalars.csv with the same scalars, shapes.jsonl with snapshots of
the activations, and figures."""

from __future__ import annotations

import csv
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import TextIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from rrn.activations.snapshots import FILE, Snapshot
from rrn.errors import UserError

FILES = ("scalars.csv", FILE)  # whose lengths a checkpoint holds


def _hide_full_disk(arguments: threading.ExceptHookArgs) -> None:
    """TensorBoard's writer thread raises its OSError again at the next call; no traceback before that."""
    if not issubclass(arguments.exc_type, OSError):
        threading.__excepthook__(arguments)


class Records:
    """The records of one run.

    Args:
        folder: of the run.
        step: agent step to go on from.
        lengths: of the files at the checkpoint, as `flush` gave them; what an earlier process wrote beyond is cut
            off. None for a new run.

    Raises:
        UserError: a file is shorter than that.

    Attributes:
        lost: names of files that are gone; they begin anew.
    """

    def __init__(self, folder: Path, step: int = 0, lengths: dict[str, int] | None = None):
        self.folder = folder
        self.lost = [name for name in FILES if lengths and lengths[name] and not (folder / name).exists()]
        for name in self.lost:
            print(f"warning: {folder / name} is gone, and what it held from before step {step}", file=sys.stderr)
        lengths = lengths and {name: 0 if name in self.lost else lengths[name] for name in FILES}
        self.files = {name: _open(folder / name, lengths and lengths[name]) for name in FILES}
        if not (lengths and lengths["scalars.csv"]):
            self._write_row(("step", "name", "value"))
        threading.excepthook = _hide_full_disk
        self.events = SummaryWriter(folder, purge_step=0 if lengths is None else step + 1)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Values by name, at an agent step."""
        for name, value in values.items():
            self.events.add_scalar(name, value, step)
            self._write_row((step, name, repr(float(value))))

    def _write_row(self, row: tuple) -> None:
        csv.writer(self.files["scalars.csv"], lineterminator="\n").writerow(row)

    def snapshot(self, snapshot: Snapshot) -> None:
        self.files[FILE].write(snapshot.to_json() + "\n")

    def figure(self, step: int, name: str, figure: Figure) -> None:
        """To TensorBoard, and as <name>.png in place of the last one; drawn once, which takes longer than the rest."""
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        picture = np.array(canvas.buffer_rgba())[..., :3]  # [height, width, 3]
        imsave(self.folder / f"{name}.png", picture)
        self.events.add_image(name, picture, step, dataformats="HWC")

    def configuration(self, text: str, values: dict) -> None:
        """The configuration as text and as hparams; values are plain or are written as text."""
        self.events.add_text("configuration", f"```yaml\n{text}\n```")
        plain = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in values.items()}
        for summary in hparams(plain, {"evaluation/mean": 0.0}):  # the metric's name; its values come as scalars
            self.events.file_writer.add_summary(summary)

    def text(self, name: str, text: str) -> None:
        self.events.add_text(name, text)

    def flush(self) -> dict[str, int]:
        """Write everything out; the lengths of the files in bytes, by name.

        A file that was deleted meanwhile is written again: as long as it is open, its text is in reach.
        """
        self.events.flush()
        for name, file in self.files.items():
            file.flush()
            if not _is_at(file, self.folder / name):
                self.files[name] = _write_again(file, self.folder / name)
            os.fsync(self.files[name].fileno())  # as the checkpoint that holds its length
        return {name: file.tell() for name, file in self.files.items()}

    def close(self) -> None:
        self.flush()
        self.events.close()
        for file in self.files.values():
            file.close()


def _open(path: Path, length: int | None) -> TextIO:
    """The file to append to, cut to a length in bytes, or empty without one."""
    if length:
        with open(path, "r+b") as file:
            if file.seek(0, os.SEEK_END) < length:
                raise UserError(
                    f"{path}: it is shorter than it was at the checkpoint; take it back from a copy, or delete it to "
                    "go on without what it held."
                )
            file.truncate(length)
    return open(path, "a+" if length else "w+", newline="", encoding="utf-8")


def _is_at(file: TextIO, path: Path) -> bool:
    """Whether an open file still is what stands at a path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _write_again(file: TextIO, path: Path) -> TextIO:
    """Write what an open file holds to a path, and go on there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file.seek(0)
    with open(path, "w", newline="", encoding="utf-8") as again:
        shutil.copyfileobj(file, again)
    file.close()
    return open(path, "a+", newline="", encoding="utf-8")
