"""Chart learned activations: each activation site of a run, at a few moments of training, over its inputs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rrn.activations.inspection.histogram import Histogram
from rrn.activations.inspection.snapshots import SNAPSHOT_FILE, Snapshot, damage
from rrn.common.errors import first_line
from rrn.common.foreign_files import read_packed
from rrn.common.printable import printable
from rrn.report.charts import Chart, numbers

MOMENTS = 6
CURVE_POINTS = 81
CHART_BINS = 32
MOST_LINES = 2_000  # rows of coefficients; the page has 4 kB for each at a moment
GREYS = ("#cfd8e6", "#b0c0d8", "#8ba3c6", "#6485b2", "#3d679e", "#08306b")  # from the first moment to the last


def evolution(folder: Path, damaged: list[str] | None = None) -> Chart | None:
    """Chart the learned activations of a run, with a panel for each site and a line for each row of coefficients.

    Args:
        folder: of the run.
        damaged: takes a sentence for each thing in the file that is left out.

    Returns:
        None if the run has no snapshots, or activations that do not learn.
    """
    damaged = [] if damaged is None else damaged
    path = folder / SNAPSHOT_FILE
    try:
        chart = _panels(moments(path, damaged))
        json.dumps(chart, allow_nan=False)  # as the page holds it
        return chart
    except Exception as error:  # numbers that no run writes can fail in any step of drawing them
        damaged.append(f"{path}: its shapes cannot be drawn ({printable(first_line(error), 100)}).")
        return None


def _panels(snapshots: Sequence[Snapshot]) -> Chart | None:
    learned = [n for n, place in (snapshots[-1].places if snapshots else {}).items() if place.learns]
    if not learned:
        return None
    lines = sum(len(snapshots[-1].places[name].numerator or [0]) for name in learned)
    if lines > MOST_LINES:
        raise ValueError(f"expected at most {MOST_LINES:,} rows of coefficients, got {lines:,}")
    data, layout = [], {"grid": {"rows": 1, "columns": len(learned), "pattern": "independent"}, "height": 290}
    layout |= {"annotations": [], "bargap": 0, "showlegend": True}
    for panel, name in enumerate(learned, 1):
        axes = {"xaxis": f"x{panel}", "yaxis": f"y{panel}"}
        site = snapshots[-1].places[name]
        low, high = site.inputs.range if site.inputs and site.inputs.range else (-3.0, 3.0)
        x = np.linspace(low, high, CURVE_POINTS)
        curves = [one.places[name].values(x).T for one in snapshots]  # [rows, CURVE_POINTS] each
        ends = [value for rows in curves for value in rows.flat if np.isfinite(value)] or [0.0]
        bottom, top = min(ends), max(ends)
        if site.inputs and site.inputs.range:
            data.append(_bars(site.inputs, bottom, top) | axes)
        for number, (snapshot, rows) in enumerate(zip(snapshots, curves, strict=True)):
            colour = GREYS[-len(snapshots) :][number] if len(snapshots) <= len(GREYS) else GREYS[-1]
            last = number == len(snapshots) - 1
            line = {"color": colour, "width": 2.6 if last else 1.2, "dash": "solid" if last else "dot"}
            data += [
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x0": round(low, 5),
                    "dx": (high - low) / (CURVE_POINTS - 1),
                    "y": numbers(y),
                    "name": f"step {snapshot.step:,}",
                    "legendgroup": str(snapshot.step),
                    "showlegend": panel == 1 and row == 0,
                    "line": line | ({"width": 0.8} if len(rows) > 1 else {}),
                    **axes,
                }
                for row, y in enumerate(rows)
            ]
        suffix = "" if panel == 1 else str(panel)
        layout[f"xaxis{suffix}"] = {"title": {"text": f"{name}: input"}}
    return {"data": data, "layout": layout}


def moments(path: Path, damaged: list[str]) -> list[Snapshot]:
    """Read the first, the last and some snapshots in between of a file; only these lines are parsed as JSON.

    Args:
        path: the file.
        damaged: takes a sentence for the file, if it cannot be read, or for the first damaged line.
    """
    try:
        lines = read_packed(path).split(b"\n")[:-1]
    except (OSError, ValueError) as error:
        damaged.append(str(error))
        return []
    picks: Any = np.unique(np.linspace(0, len(lines) - 1, min(MOMENTS, len(lines))).astype(int)) if lines else []
    snapshots: list[Snapshot] = []
    bad: dict[int, str] = {}
    for number, line in enumerate(lines):
        if not (line.startswith(b'{"step": ') and line.endswith(b"}")):
            bad[number + 1] = damage(path, number + 1, ValueError("no line that a run writes"))
        elif number in picks:
            try:
                snapshots.append(Snapshot.from_json(line.decode("utf-8")))
            except ValueError as error:
                bad[number + 1] = damage(path, number + 1, error)
    if bad:
        more = f" So are {len(bad) - 1} more." if len(bad) > 1 else ""
        damaged.append(bad[min(bad)] + more)
    return [snapshot for snapshot in snapshots if snapshot.places.keys() == snapshots[-1].places.keys()]


def _bars(inputs: Histogram, bottom: float, top: float) -> dict:
    """Make a trace of the histogram as bars of a few bins, as high as half of the panel."""
    counts = np.array(
        [part.sum() for part in np.array_split(inputs.counts, min(CHART_BINS, len(inputs.counts)))], float
    )
    edges = np.array([part[0] for part in np.array_split(inputs.edges[:-1], len(counts))])
    width = (inputs.range[1] - inputs.range[0]) / len(counts)
    heights = counts / max(counts.max(), 1) * (top - bottom or 1) / 2
    share = counts / max(inputs.total, 1)
    return {
        "type": "bar",
        "x": [float(f"{edge + width / 2:.4g}") for edge in edges],
        "y": [float(f"{height:.3g}") for height in heights],
        "base": float(f"{bottom:.4g}"),
        "customdata": [f"{100 * part:.1f} %" for part in share],
        "hovertemplate": "%{customdata} of inputs<extra></extra>",
        "marker": {"color": "#c9ccd3"},
        "name": "inputs at the last step",
        "showlegend": False,
    }
