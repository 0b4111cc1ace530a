"""Activations over the time of training: `animate`, and pictures of several runs beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rrn.activations.inspection.plot import PLOT_COLUMNS, Shape, View, draw, view_of
from rrn.activations.inspection.snapshots import Snapshot, read_snapshots
from rrn.common.animation import SUFFIXES, write_frames

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Source = str | PathLike | Sequence[Snapshot]


def animate(source: Source | dict[str, Source], path: str | PathLike, *, per_second: float = 6, title: str = "") -> int:
    """Write an animation of activations with a frame for each step of the snapshots; the number of frames.

    Args:
        source: the folder of a run, a file of snapshots, or snapshots in order; or several of them by label, which
            are shown beside each other, one row each, at the same steps.
        path: a .gif or .mp4 file.
        per_second: frames.
        title: of each frame; the step is added.

    The axes stay the same over all frames, so that what moves is the activation.

    Raises:
        ValueError: no snapshots, snapshots of several models in one run, or another kind of file.
        MissingPackage: matplotlib or imageio is not installed.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: expected a name that ends in {' or '.join(SUFFIXES)}.")
    runs = {name: _read(one) for name, one in (source if isinstance(source, dict) else {"": source}).items()}
    if not runs:
        raise ValueError("expected one run or more, got none.")
    steps = sorted({one.step for snapshots in runs.values() for one in snapshots})
    views = {name: _views(snapshots) for name, snapshots in runs.items()}

    def frames() -> Iterator[np.ndarray]:
        for step in steps:
            rows = []
            for name, snapshots in runs.items():
                now = [one for one in snapshots if one.step <= step] or snapshots[:1]
                shapes = now[-1].shapes()
                rows += _rows(name, [replace(s, view=v) for s, v in zip(shapes, views[name], strict=True)], len(runs))
            yield _pixels(draw(rows, f"{title} step {step:,}".strip()))

    write_frames(path, frames(), per_second)
    return len(steps)


def draw_runs(sources: dict[str, Source], title: str = "") -> Figure:
    """The last snapshot of each run, by its label; one row for each run, or a grid for a single one."""
    rows = []
    for name, source in sources.items():
        rows += _rows(name, _read(source)[-1].shapes(), len(sources))
    return draw(rows, title)


def _rows(name: str, shapes: list[Shape], runs: int) -> list[tuple[str, list[Shape]]]:
    if runs > 1:
        return [(name, shapes)]
    return [("" if i else name, shapes[i : i + PLOT_COLUMNS]) for i in range(0, len(shapes), PLOT_COLUMNS)]


def _read(source: Source) -> list[Snapshot]:
    if isinstance(source, Snapshot):
        source = [source]
    found = read_snapshots(source) if isinstance(source, str | PathLike) else list(source)
    if not found:
        raise ValueError("expected one snapshot or more, got none.")
    if len({tuple(one.places) for one in found}) > 1:
        raise ValueError("expected snapshots of one model, with the same places in each.")
    return found


def _views(snapshots: list[Snapshot]) -> list[View]:
    """Choose limits of the axes at each site that suit all snapshots."""
    views = np.array([[view_of(shape) for shape in snapshot.shapes()] for snapshot in snapshots])
    lows, highs = views.min(axis=0), views.max(axis=0)  # [sites, 4]: x from and to, y from and to
    return [(low[0], high[1], low[2], high[3]) for low, high in zip(lows, highs, strict=True)]


def _pixels(figure: Figure) -> np.ndarray:
    """The figure as an image, [height, width, 3] uint8, with even sides, as .mp4 has them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # only needed here; `draw` has made the figure with it

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = np.asarray(canvas.buffer_rgba())[..., :3]
    return np.ascontiguousarray(image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2])
