"""Write the logs of a run: TensorBoard events, scalars.csv, shapes.jsonl and figures.

Who logs what: training/trainer.py the tags train/ (what learners collect), game/ and coefficients/;
training/evaluator.py evaluation/ and plasticity/ (defined in metrics/) and the figures.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from typing import TextIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from torch.utils.tensorboard import summary

from rrn.activations.inspection.snapshots import SNAPSHOT_FILE, Snapshot
from rrn.common.errors import UserError
from rrn.common.files import copy_open_file, is_open_at
from rrn.runs.event_file import EventFile, lengths_of_event_files

FILES = ("scalars.csv", SNAPSHOT_FILE)  # whose lengths a checkpoint holds, beside those of event files


class RunLogger:
    """Write the logs of one run.

    Args:
        folder: of the run.
        step: agent step to go on from.
        lengths: of the files at the checkpoint, as `flush` gave them; what an earlier process wrote beyond is cut
            off. None for a new run.

    Attributes:
        lost: names of files that are gone; they begin anew.

    Raises:
        UserError: a file is shorter than that.
    """

    def __init__(self, folder: Path, step: int = 0, lengths: dict[str, int] | None = None):
        self.folder = folder
        self.lost = [name for name in FILES if lengths and lengths[name] and not (folder / name).exists()]
        for name in self.lost:
            print(f"warning: {folder / name} is gone, and what it held from before step {step}", file=sys.stderr)
        if lengths is not None:
            lengths = {**lengths, **dict.fromkeys(self.lost, 0)}
        self.files = {name: _open(folder / name, lengths and lengths[name]) for name in FILES}  # type: ignore[arg-type]
        if not (lengths and lengths["scalars.csv"]):
            self._write_row("step", "name", "value")
        self.events = EventFile(folder, 0 if lengths is None else step + 1, lengths)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Log values by name at an agent step."""
        self.events.add(*(summary.scalar(name, value) for name, value in values.items()), step=step)
        for name, value in values.items():
            self._write_row(step, name, repr(float(value)))

    def _write_row(self, *values: object) -> None:
        csv.writer(self.files["scalars.csv"], lineterminator="\n").writerow(values)

    def snapshot(self, snapshot: Snapshot) -> None:
        self.files[SNAPSHOT_FILE].write(snapshot.to_json() + "\n")

    def figure(self, step: int, name: str, figure: Figure) -> None:
        """Log a figure to TensorBoard and as <name>.png in place of the last one; draw it once, which is slow."""
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        picture = np.array(canvas.buffer_rgba())[..., :3]  # [height, width, 3]
        imsave(self.folder / f"{name}.png", picture)
        self.events.add(summary.image(name, picture, dataformats="HWC"), step=step)

    def configuration(self, text: str, values: dict) -> None:
        """Log the configuration as text and as hparams; values that are not plain are written as text."""
        self.text("configuration", f"```yaml\n{text}\n```")
        plain = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in values.items()}
        self.events.add(*summary.hparams(plain, {"evaluation/mean": 0.0}))  # the metric's name; its values are scalars

    def text(self, name: str, text: str) -> None:
        self.events.add(summary.text(name, text))

    def flush(self) -> dict[str, int]:
        """Flush all files; return their lengths in bytes, by name.

        A file that was deleted meanwhile is written again: as long as it is open, its text is in reach.
        """
        for name, file in self.files.items():
            path = self.folder / name
            file.flush()
            if not is_open_at(file, path):
                copy_open_file(file, path)
                file.close()
                self.files[name] = open(path, "a+", newline="", encoding="utf-8")  # noqa: SIM115
            os.fsync(self.files[name].fileno())  # as the checkpoint that holds its length
        self.events.keep()
        return {name: file.tell() for name, file in self.files.items()} | lengths_of_event_files(self.folder)

    def close(self) -> None:
        self.flush()
        self.events.close()
        for file in self.files.values():
            file.close()


def _open(path: Path, length: int | None) -> TextIO:
    """Open a file to append to, cut to a length in bytes, or empty without one."""
    if length:
        with open(path, "r+b") as file:
            if file.seek(0, os.SEEK_END) < length:
                raise UserError(
                    f"{path}: it is shorter than it was at the checkpoint; restore it from a backup, or delete it "
                    "to go on without what it held."
                )
            file.truncate(length)
    return open(path, "a+" if length else "w+", newline="", encoding="utf-8")
