"""Figure of matplotlib that a notebook shows, whether or not `%matplotlib inline` is on; needs matplotlib."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure as PlainFigure


class Figure(PlainFigure):
    """Figure that a notebook such as Jupyter shows as a picture."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=100)
        return buffer.getvalue()


def save_figure(figure: PlainFigure, path: Path) -> None:
    """Write a figure as a picture, in the format that the name of the file ends in.

    Raises:
        ValueError: it ends in none that matplotlib writes.
        OSError: the file cannot be written.
    """
    if path.suffix[1:].lower() not in figure.canvas.get_supported_filetypes():
        raise ValueError(f"{path}: expected a name that ends in .png, .pdf, .svg or another format of pictures.")
    figure.savefig(path, dpi=150)
