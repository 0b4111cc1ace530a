"""Where the numbers of a run go: TensorBoard events and scalars.csv, with the same scalars in both."""

from __future__ import annotations

import csv
import threading
from pathlib import Path

from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams


def _hide_full_disk(arguments: threading.ExceptHookArgs) -> None:
    """TensorBoard's writer thread raises its OSError again at the next call; no traceback before that."""
    if not issubclass(arguments.exc_type, OSError):
        threading.__excepthook__(arguments)


class Records:
    """The records of one run.

    Args:
        folder: of the run.
        step: agent step to go on from; what an earlier process wrote beyond `csv_bytes` is cut off.
        csv_bytes: length of scalars.csv at the checkpoint, None for a new run.
    """

    def __init__(self, folder: Path, step: int = 0, csv_bytes: int | None = None):
        path = folder / "scalars.csv"
        if csv_bytes is None:
            path.write_text("step,name,value\n")
        else:
            with open(path, "r+b") as file:
                file.truncate(csv_bytes)
        self.file = open(path, "a", newline="")  # noqa: SIM115, it stays open as long as the run
        self.csv = csv.writer(self.file, lineterminator="\n")
        threading.excepthook = _hide_full_disk
        self.events = SummaryWriter(folder, purge_step=0 if csv_bytes is None else step + 1)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Values by name, at an agent step."""
        for name, value in values.items():
            self.events.add_scalar(name, value, step)
            self.csv.writerow((step, name, repr(float(value))))

    def figure(self, step: int, name: str, figure: Figure) -> None:
        self.events.add_figure(name, figure, step)

    def configuration(self, text: str, values: dict) -> None:
        """The configuration as text and as hparams; values are plain or are written as text."""
        self.events.add_text("configuration", f"```yaml\n{text}\n```")
        plain = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in values.items()}
        for summary in hparams(plain, {"evaluation/mean": 0.0}):  # the metric's name; its values come as scalars
            self.events.file_writer.add_summary(summary)

    def text(self, name: str, text: str) -> None:
        self.events.add_text(name, text)

    def flush(self) -> int:
        """Write everything out; the length of scalars.csv in bytes."""
        self.events.flush()
        self.file.flush()
        return self.file.tell()

    def close(self) -> None:
        self.events.close()
        self.file.close()
