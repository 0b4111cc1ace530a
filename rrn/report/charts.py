"""Make the report's charts, dictionaries that plotly draws: scores over training, final scores, measures.

A chart is `{"data": [...], "layout": {...}}`; each trace says in `meta` which method it belongs to, so that the page
can hide it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rrn import stats
from rrn.common.bootstrap import FEWEST
from rrn.common.curves import Curve
from rrn.common.numbers import plural
from rrn.reference import human_normalised
from rrn.report.aggregates import Aggregate
from rrn.report.cells import Cell, Method, normalised
from rrn.report.runs import Run
from rrn.report.styles import Style
from rrn.runs.scalars import Series

Chart = dict
Labels = dict[Method, str]
SERIES_POINTS = 160  # of a curve; longer ones are averaged
FLOOR = 0.001  # of the log axis, in human scores
TAUS = np.linspace(0, 2, 81)


def learning(
    runs: Sequence[Run], cells: Sequence[Cell], paper: Sequence[Curve], styles: dict[Method, Style], labels: Labels
) -> Chart:
    """Chart the scores over training on one game.

    Each seed is a thin line, the mean of those in the table a thick one with its interval. The paper's are paler.
    """
    data = []
    reached = max((float(run.curve.steps[-1]) for run in runs if len(run.curve.steps)), default=0.0) * 1.03
    counted = {cell.method: cell.curves for cell in cells}
    for method in labels:
        ours = [run.curve for run in runs if run.curve.method == method and len(run.curve.steps)]
        theirs = [curve for curve in paper if curve.method == method]
        style, name = styles[method], labels[method]
        data += _group(theirs, theirs, method, style, f"{name} paper", True, reached)
        data += _group(ours, counted.get(method, ()), method, style, name, False, reached)
    xaxis: dict = {"title": {"text": "agent steps"}, "rangemode": "tozero"}
    yaxis: dict = {"title": {"text": "score"}}
    if paper and reached:  # show the steps that ours have too; a double click shows the rest
        seen = [y for t in data for x, y in zip(t["x"], t["y"], strict=True) if y is not None and x <= reached]
        margin = 0.05 * (max(seen) - min(seen)) or 1
        xaxis, yaxis = xaxis | {"range": [0, reached]}, yaxis | {"range": [min(seen) - margin, max(seen) + margin]}
    return {"data": data, "layout": {"xaxis": xaxis, "yaxis": yaxis, "height": 420, "showlegend": True}}


def _group(
    curves: Sequence[Curve],
    counted: Sequence[Curve],
    method: Method,
    style: Style,
    name: str,
    faint: bool,
    reached: float,
) -> list[dict]:
    """Make the traces of the seeds of one method and the mean of some of them, thinned beyond the step `reached`."""
    if not curves:
        return []
    meta, group = {"method": "|".join(method), "paper": faint}, name
    line = {"color": style.colour, "dash": "dot" if faint else style.dash}
    traces = []
    for curve in curves if len(curves) > 1 else ():
        steps, means = _thin_beyond((curve.steps, curve.means), reached)
        traces.append(
            _trace(steps, means, f"{name}, seed {curve.seed}", meta, group)
            | {"line": line | {"width": 0.8}, "opacity": 0.35, "showlegend": False, "mode": "lines"}
        )
    steps, values = together([(curve.steps, curve.means) for curve in counted])
    if len(counted) >= FEWEST and len(steps):
        low, high = stats.band(values)
        (x, low), (_, high) = _thin_beyond((steps, low), reached), _thin_beyond((steps, high), reached)
        ends = np.concatenate([x, x[::-1]]), np.concatenate([high, low[::-1]])
        traces.append(_area(*ends, name, meta, group, style) | {"opacity": 0.1 if faint else 0.18})
    x, y = _thin_beyond((steps, values.mean(axis=0)), reached)
    marks: Any = np.unique(np.linspace(0, len(x) - 1, 12).astype(int)) if len(x) else []
    sizes = [7 if i in set(marks) else 0 for i in range(len(x))]
    traces.append(
        _trace(x, y, f"{name} ({plural(len(counted), 'seed')})", meta, group)
        | {"line": line | {"width": 1.5 if faint else 2.6}, "opacity": 0.7 if faint else 1, "mode": "lines+markers"}
        | {"marker": {"symbol": style.symbol + ("-open" if faint else ""), "size": sizes, "color": style.colour}}
    )
    return traces


def _trace(x: np.ndarray, y: np.ndarray, name: str, meta: dict, group: str) -> dict:
    return {"type": "scatter", "x": numbers(x), "y": numbers(y), "name": name, "meta": meta, "legendgroup": group}


def _area(x: np.ndarray, y: np.ndarray, name: str, meta: dict, group: str, style: Style) -> dict:
    """Make a trace that fills the area between two lines; x and y hold the first, then the second backwards."""
    fill = {"fill": "toself", "fillcolor": style.colour, "line": {"width": 0}, "mode": "lines"}
    return _trace(x, y, name, meta, group) | fill | {"hoverinfo": "skip", "showlegend": False}


def together(series: Sequence[Series]) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps that all series have, [E], and their values there, [series, E]."""
    steps = series[0][0]
    for other, _ in series[1:]:
        steps = np.intersect1d(steps, other)
    return steps, np.array([values[np.isin(at, steps)] for at, values in series])


def thin(series: Series, points: int = SERIES_POINTS) -> Series:
    """Means of neighbours, so that at most so many points are left; the first and the last one stay."""
    steps, values = series
    if len(steps) <= points:
        return series
    starts = np.linspace(1, len(steps) - 1, points - 2, endpoint=False).astype(int)
    lengths = np.diff(starts, append=len(steps) - 1)
    inner = (np.add.reduceat(row[:-1], starts) / lengths for row in (steps, values))
    x, y = (np.concatenate([row[:1], mean, row[-1:]]) for row, mean in zip(series, inner, strict=True))
    return x, y


def _thin_beyond(series: Series, reached: float) -> Series:
    """Thin a curve up to a step, and to half as many points beyond it."""
    steps, values = series
    near = int(np.searchsorted(steps, reached)) + 1  # the next point too, to draw the line up to `reached`
    parts = thin((steps[:near], values[:near])), thin((steps[near:], values[near:]), SERIES_POINTS // 2)
    return tuple(np.concatenate(rows) for rows in zip(*parts, strict=True))  # type: ignore[return-value]


def numbers(values: np.ndarray) -> list:
    """Round to five digits; what is not finite becomes None, which plotly leaves out."""
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in np.asarray(values, float)]


def finals(cells: Sequence[Cell], styles: dict[Method, Style], labels: Labels) -> Chart | None:
    """Chart the human-normalised scores as bars on a log axis, as in the paper; None without any.

    Bars below FLOOR are lifted to it, and the axis begins below it, so that these can be seen too.
    """
    data = []
    for method in labels:
        own = [cell for cell in cells if cell.method == method and cell.is_normalised]
        for whose in ("", "paper"):
            rows = [row for cell in own if (row := _bar(cell, whose)) is not None]
            if rows:
                data.append(_bars(rows, method, styles[method], f"{labels[method]} {whose}".strip(), whose == "paper"))
    if not data:
        return None
    top = max(value for trace in data for value in trace["y"])
    axis = {"type": "log", "title": {"text": "human-normalised score"}, "dtick": 1}
    axis["range"] = [np.log10(FLOOR) - 0.15, np.log10(max(top, 1)) + 0.6]
    lines = [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1, "line": {"width": 1, "dash": "dot"}}]
    return {"data": data, "layout": {"barmode": "group", "yaxis": axis, "shapes": lines, "height": 420}}


def _bar(cell: Cell, whose: str) -> tuple[str, float, float | None, float | None, str] | None:
    """Return game, value, low and high of a bar, human-normalised, and its text on hover; None without a score."""
    if whose == "paper" and cell.paper_then is None:
        end = cell.paper_end
        if end is None:
            return None
        value, low, high = normalised(cell.game, (end.mean, end.mean - end.std, end.mean + end.std))
        return cell.game, value, low, high, f"final, raw {end.mean:g} ± {end.std:g} (sd), {end.seeds} seeds"
    score, after = cell.ours, cell.steps[1]
    if cell.paper_then is not None:  # both bars show scores after the same number of steps
        score = cell.paper_then if whose == "paper" else stats.seeds_interval(cell.at(cell.steps[0]))
        after = cell.steps[0]
    value, low, high = (
        end if end is None else float(human_normalised(cell.game, end)) for end in (score.value, score.low, score.high)
    )
    return cell.game, value, low, high, f"raw {score.text(1)}, after {after:,} steps"


def _bars(rows: list[tuple], method: Method, style: Style, name: str, faint: bool) -> dict:
    games, values, lows, highs, texts = zip(*rows, strict=True)
    shown = [max(value, FLOOR) for value in values]
    up = [max(high, FLOOR) - at if high is not None else 0 for high, at in zip(highs, shown, strict=True)]
    down = [at - max(low, FLOOR) if low is not None else 0 for low, at in zip(lows, shown, strict=True)]
    notes = [
        f"{value:.3f}{' (below the axis)' if value < FLOOR else ''}<br>{text}"
        for value, text in zip(values, texts, strict=True)
    ]
    return {
        "type": "bar",
        "name": name,
        "x": list(games),
        "y": shown,
        "meta": {"method": "|".join(method), "paper": faint},
        "marker": {
            "color": style.colour,
            "pattern": {"shape": style.pattern, "bgcolor": style.colour, "fgcolor": "#fff"},
        },
        "opacity": 0.45 if faint else 1,
        "error_y": {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1},
        "customdata": notes,
        "hovertemplate": "%{x}, " + name + "<br>%{customdata}<extra></extra>",
    }


def profiles(aggregates: Sequence[Aggregate], styles: dict[Method, Style], labels: Labels) -> Chart | None:
    """Chart the performance profiles: share of runs above each human-normalised score (Agarwal et al. 2021, 4.2)."""
    data = []
    for aggregate in aggregates:
        method = aggregate.method
        style, meta = styles[method], {"method": "|".join(method), "paper": False}
        profile, name = stats.performance_profile(aggregate.scores, TAUS), labels[method]
        if profile.low is not None:
            ends = np.concatenate([profile.high, profile.low[::-1]])
            data.append(_area(np.concatenate([TAUS, TAUS[::-1]]), ends, name, meta, name, style) | {"opacity": 0.18})
        data.append(
            _trace(TAUS, profile.share, name, meta, name)
            | {"line": {"color": style.colour, "dash": style.dash, "width": 2.2}, "mode": "lines"}
        )
    axes = {"xaxis": {"title": {"text": "human-normalised score"}}, "yaxis": {"title": {"text": "share of runs above"}}}
    return {"data": data, "layout": {**axes, "height": 360}} if data else None


@dataclass(frozen=True)
class Measure:
    """A measure of the log that the page shows; see docs/plasticity.md."""

    name: str  # in the log, or the start of the names of its parts there
    title: str
    combine: Callable[[np.ndarray], np.ndarray] | None = None  # parts [parts, E] to one line [E]; None: it has none


def _root_sum_square(parts: np.ndarray) -> np.ndarray:
    return np.sqrt(np.square(parts).sum(axis=0))


def _mean(parts: np.ndarray) -> np.ndarray:
    return parts.mean(axis=0)


MEASURES = (
    Measure("dormant", "dormant units, share"),
    Measure("effective_rank", "effective rank of the features"),
    Measure("overestimation", "predicted value minus the return that followed"),
    Measure("weight_norm", "norm of all weights", _root_sum_square),
    Measure("gradient_norm", "norm of the last gradient", _root_sum_square),
    Measure("moved", "move of the activations since the last evaluation", _mean),
    Measure("moved_since_start", "move of the activations since the start", _mean),
)


def measure(
    runs: Sequence[Run], cells: Sequence[Cell], which: Measure, styles: dict[Method, Style], labels: Labels
) -> Chart | None:
    """Chart one measure over training on one game: each seed thin, the mean of those in the table thick.

    None if no run has it in its log.
    """
    groups: dict[Method, list[Series]] = defaultdict(list)
    means: dict[Method, list[Series]] = defaultdict(list)
    counted = {curve for cell in cells for curve in cell.curves}
    for run in runs:
        series = _series(run.measures, which)
        if series is not None:
            groups[run.curve.method].append(series)
            if run.curve in counted:
                means[run.curve.method].append(series)
    data = []
    for method in (method for method in labels if method in groups):
        style, meta, name = styles[method], {"method": "|".join(method), "paper": False}, labels[method]
        line = {"color": style.colour, "dash": style.dash}
        for each in groups[method] if len(groups[method]) > 1 else ():
            faint = {"line": line | {"width": 0.7}, "opacity": 0.35, "mode": "lines", "hoverinfo": "skip"}
            data.append(_trace(*thin(each), name, meta, name) | faint)
        steps, values = together(means[method] or groups[method])
        text = f"{name} (n={len(values)})"
        data.append(
            _trace(*thin((steps, values.mean(axis=0))), text, meta, name)
            | {"line": line | {"width": 2}, "mode": "lines" if len(steps) > 1 else "markers"}
        )
    layout = {"title": {"text": which.title, "font": {"size": 13}}, "height": 260, "showlegend": False}
    return {"data": data, "layout": layout | {"xaxis": {"rangemode": "tozero"}}} if data else None


def _series(measures: dict[str, Series], which: Measure) -> Series | None:
    name = f"plasticity/{which.name}"
    if which.combine is None:
        return measures.get(name)
    parts = [series for key, series in measures.items() if key.startswith(f"{name}/")]
    if not parts:
        return None
    steps, values = together(parts)
    return steps, which.combine(values)
