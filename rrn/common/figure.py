"""Figure of matplotlib that a notebook shows, whether or not `%matplotlib inline` is on; needs matplotlib."""

from __future__ import annotations

from io import BytesIO

from matplotlib.figure import Figure as PlainFigure


class Figure(PlainFigure):
    """Figure that a notebook such as Jupyter shows as a picture."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=100)
        return buffer.getvalue()
