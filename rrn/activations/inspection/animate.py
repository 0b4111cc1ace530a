"""Draw activations over training: `animate`, and the last shapes of several runs side by side."""

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
from rrn.common.notebook import html_picture

if TYPE_CHECKING:
    from rrn.common.figure import Figure

Source = str | PathLike | Sequence[Snapshot]


class Animation(int):
    """Number of frames of an animation, which a notebook shows as the animation at `path`."""

    path: Path

    def _repr_html_(self) -> str:
        kind = {".gif": "image/gif", ".mp4": "video/mp4"}[self.path.suffix]
        return html_picture(self.path.read_bytes(), kind)


def animate(
    source: Source | dict[str, Source], path: str | PathLike, *, per_second: float = 6, title: str = ""
) -> Animation:
    """Write an animation of activations, with a frame for each step of the snapshots.

    Args:
        source: the folder of a run, a file of snapshots, or snapshots in order; or several of these by label, which
            are shown at the same steps, a row for each.
        path: a .gif or .mp4 file.
        per_second: frames per second.
        title: title of each frame, to which the step is added.

    The axes are the same in all frames, so that only the activation moves.

    Returns:
        Number of frames; a notebook shows the animation.

    Raises:
        ValueError: no snapshots, snapshots of several models in one run, or another kind of file.
        MissingPackage: matplotlib or imageio is not installed.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: expected a name that ends in {' or '.join(SUFFIXES)}.")
    sources = source if isinstance(source, dict) else {"": source}
    runs = {name: _read(run) for name, run in sources.items()}
    if not runs:
        raise ValueError("expected one run or more, got none.")
    steps = sorted({snapshot.step for snapshots in runs.values() for snapshot in snapshots})
    views = {name: _views(snapshots) for name, snapshots in runs.items()}

    def frames() -> Iterator[np.ndarray]:
        for step in steps:
            rows = []
            for name, snapshots in runs.items():
                until_now = [snapshot for snapshot in snapshots if snapshot.step <= step] or snapshots[:1]
                shapes = until_now[-1].shapes()
                rows += _rows(name, [replace(s, view=v) for s, v in zip(shapes, views[name], strict=True)], len(runs))
            yield _pixels(draw(rows, f"{title} step {step:,}".strip()))

    write_frames(path, frames(), per_second)
    animation = Animation(len(steps))
    animation.path = path
    return animation


def draw_runs(sources: dict[str, Source], title: str = "") -> Figure:
    """Draw the last snapshot of each run, by its label: a row for each run, or a grid for a single one.

    Args:
        sources: folder, file or snapshots of each run by its label, as for `animate`.
        title: title of the figure.

    Raises:
        ValueError: no snapshots, or snapshots of several models in one run.
        MissingPackage: matplotlib is not installed.
    """
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
    snapshots = read_snapshots(source) if isinstance(source, str | PathLike) else list(source)
    if not snapshots:
        raise ValueError("expected one snapshot or more, got none.")
    if len({tuple(snapshot.places) for snapshot in snapshots}) > 1:
        raise ValueError("expected snapshots of one model, with the same activation sites in each.")
    return snapshots


def _views(snapshots: list[Snapshot]) -> list[View]:
    """Choose axis limits for each activation site that suit all snapshots."""
    views = np.array([[view_of(shape) for shape in snapshot.shapes()] for snapshot in snapshots])
    lows, highs = views.min(axis=0), views.max(axis=0)  # [sites, 4]: x from and to, y from and to
    return [(low[0], high[1], low[2], high[3]) for low, high in zip(lows, highs, strict=True)]


def _pixels(figure: Figure) -> np.ndarray:
    """Render the figure as an image [height, width, 3] uint8, with even sides, which .mp4 needs."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # only needed here; `draw` has checked for matplotlib

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = np.asarray(canvas.buffer_rgba())[..., :3]
    return np.ascontiguousarray(image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2])
