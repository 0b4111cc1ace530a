"""Write the logs of a run: TensorBoard events, scalars.csv, shapes.jsonl and figures.

Who logs what: training/trainer.py the tags train/ (what learners collect), game/ and coefficients/;
training/evaluator.py evaluation/ and plasticity/ (defined in metrics/) and the figures.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from pathlib import Path
from typing import TextIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS
from tensorboard.plugins.hparams.metadata import SESSION_END_INFO_TAG, create_summary_metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo
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
        """Log the configuration as text and as hyperparameters; values that are not plain are written as text.

        TensorBoard shows the columns of one description of all runs, if any run has one, and else those that it finds
        in the runs; so none is written. How a run ended is written by `end`, when that is known.
        """
        self.text("configuration", f"```yaml\n{text}\n```")
        plain = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in values.items()}
        _, began, _ = summary.hparams(plain, {})
        self.events.add(began)

    def end(self, done: bool) -> None:
        """Log for TensorBoard's table of runs that the run is done, or that it failed; a stopped one has neither.

        Call it after the last checkpoint: a run that goes on from there cuts this off.
        """
        status = STATUS_SUCCESS if done else STATUS_FAILURE
        content = HParamsPluginData(session_end_info=SessionEndInfo(status=status, end_time_secs=time.time()))
        value = Summary.Value(tag=SESSION_END_INFO_TAG, metadata=create_summary_metadata(content))
        self.events.add(Summary(value=[value]))

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
                    f"{path}: it is shorter than it was at the checkpoint; restore it from a backup, or delete it to "
                    "go on without what it held."
                )
            file.truncate(length)
    return open(path, "a+" if length else "w+", newline="", encoding="utf-8")
