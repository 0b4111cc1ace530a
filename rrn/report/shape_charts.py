"""Chart learned activations: each activation site of a run, at a few moments of training, over its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from rrn.activations.inspection.histogram import Histogram
from rrn.activations.inspection.plot import values
from rrn.activations.inspection.snapshots import SNAPSHOT_FILE, Snapshot
from rrn.common.files import read_packed
from rrn.report.charts import Chart, numbers

MOMENTS = 6
CURVE_POINTS = 81
CHART_BINS = 32
GREYS = ("#cfd8e6", "#b0c0d8", "#8ba3c6", "#6485b2", "#3d679e", "#08306b")  # from the first moment to the last


def evolution(folder: Path) -> Chart | None:
    """Chart the learned activations of a run, with a panel for each site and a line for each row of coefficients.

    None if the run has no snapshots, damaged ones, or activations that do not learn.
    """
    try:
        return _panels(moments(folder / SNAPSHOT_FILE))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError):  # what no run writes
        return None


def _panels(snapshots: Sequence[Snapshot]) -> Chart | None:
    learned = [n for n, place in (snapshots[-1].places if snapshots else {}).items() if place.to_module() is not None]
    if not learned:
        return None
    data, layout = [], {"grid": {"rows": 1, "columns": len(learned), "pattern": "independent"}, "height": 290}
    layout |= {"annotations": [], "bargap": 0, "showlegend": True}
    for panel, name in enumerate(learned, 1):
        axes = {"xaxis": f"x{panel}", "yaxis": f"y{panel}"}
        site = snapshots[-1].places[name]
        low, high = site.inputs.range if site.inputs and site.inputs.range else (-3.0, 3.0)
        x = np.linspace(low, high, CURVE_POINTS)
        curves = [values(one.places[name].to_module(), x).T for one in snapshots]  # [rows, CURVE_POINTS] each
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


def moments(path: Path) -> list[Snapshot]:
    """Read the first, the last and some snapshots in between of a file; only these lines are parsed as JSON."""
    text = b""
    with suppress(ValueError):  # a damaged .gz
        text = read_packed(path)
    lines = text.decode(errors="replace").splitlines(keepends=True)
    lines = [line for line in lines if line.endswith("\n")]
    picks: Any = np.unique(np.linspace(0, len(lines) - 1, min(MOMENTS, len(lines))).astype(int)) if lines else []
    snapshots: list[Snapshot] = []
    for pick in picks:
        with suppress(ValueError, KeyError, TypeError, AttributeError):  # a line that a crash of the machine damaged
            snapshots.append(Snapshot.from_json(lines[pick]))
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
