"""Write the event files of a run, which TensorBoard reads.

TensorBoard takes the files of a folder in the order of their names, which hold the time in seconds, and forgets what it
has read from a step on when a later file says that the run was started again there. So each process writes a file of
its own that sorts behind all that are there, whatever its clock says, and begins it with that word; and what a killed
process wrote after the checkpoint is cut off, as in the other files of the run.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard import RecordWriter

from rrn.common.files import copy_open_file, is_open_at

NAME = re.compile(r"events\.out\.tfevents\.(\d+)\..*")


def lengths_of_event_files(folder: Path) -> dict[str, int]:
    """Return the lengths of the event files in bytes, by name."""
    return {path.name: path.stat().st_size for path in folder.iterdir() if NAME.fullmatch(path.name)}


class EventFile:
    """Write the event file of one process.

    Args:
        folder: of the run.
        step: first one to come.
        lengths: of the files at the checkpoint, those of event files among them; None for a new run, for which the
            event files of an earlier one are removed.
    """

    def __init__(self, folder: Path, step: int, lengths: dict[str, int] | None):
        before = lengths_of_event_files(folder)
        if lengths is None:
            for name in before:
                (folder / name).unlink()
        elif any(map(NAME.fullmatch, lengths)):  # older checkpoints know of none, and leave it to the word
            for name, length in before.items():  # empty rather than gone: a TensorBoard that looks on would wait for it
                os.truncate(folder / name, min(length, max(lengths.get(name, 0), 0)))
        self.file = _behind(folder, before)
        self.records = RecordWriter(self.file)
        self._write(Event(step=step, file_version="brain.Event:2"))
        self._write(Event(step=step, session_log=SessionLog(status=SessionLog.START)))

    def add(self, *summaries: Summary, step: int = 0) -> None:
        """Write values or figures of an agent step, so that a reader sees them at once."""
        merged = Summary()
        for summary in summaries:
            merged.MergeFrom(summary)
        self._write(Event(step=step, summary=merged))

    def keep(self) -> None:
        """Write the file again if it was deleted meanwhile."""
        path = Path(self.file.name)
        if not is_open_at(self.file, path):
            copy_open_file(self.file, path)
            self.file.close()
            self.file = open(path, "ab+")  # noqa: SIM115
            self.records = RecordWriter(self.file)

    def close(self) -> None:
        self.file.close()

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        self.records.write(event.SerializeToString())
        self.file.flush()


def _behind(folder: Path, names: Iterable[str]) -> BinaryIO:
    """Create an event file whose name sorts behind these."""
    stamp = max([int(time.time()), *(int(NAME.fullmatch(name)[1]) + 1 for name in names)])
    return open(folder / f"events.out.tfevents.{stamp:010d}.{socket.gethostname()}.{os.getpid()}", "x+b")
