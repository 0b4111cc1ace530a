"""Draw activations over the histograms of their inputs: `plot`, and `draw` for shapes from other sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rrn.activations.inspection.histogram import Histogram, is_tensor
from rrn.activations.inspection.sources import as_function, kind_of, poles, sites, values
from rrn.common.extras import needs

if TYPE_CHECKING:
    import torch
    from matplotlib.axes import Axes
    from torch import nn

    from rrn.activations.inspection.best_fit import Candidates
    from rrn.common.figure import Figure

CURVE, BARS, POLE = "#1f4e9c", "#c9ccd3", "#b3261e"
OTHERS = ("#c4661f", "#2e7d4f", "#8a4fb0", "#6b6b6b")
PLOT_COLUMNS = 4  # panels in a row
PLOT_POINTS = 401  # of a curve
RANGE = (-3.0, 3.0)  # drawn where there is no histogram
View = tuple[float, float, float, float]  # x from, to, y from, to


@dataclass(frozen=True)
class Shape:
    """Data of one panel: the activation at one site."""

    name: str
    x: np.ndarray  # [K]
    y: np.ndarray  # [K, lines], a line for each row of coefficients or each output of CReLU
    inputs: Histogram | None = None
    poles: tuple[float, ...] = ()
    others: tuple[tuple[str, np.ndarray], ...] = ()  # label and values [K] of further curves
    view: View | None = None  # limits of the axes; None: those that fit this shape


def plot(
    model: Any,
    x: np.ndarray | torch.Tensor | None = None,
    inputs: bool | str | Histogram | dict[str, Histogram] = True,
    fitted: bool | Candidates = False,
    other: Sequence[str | Callable | nn.Module] = (),
    *,
    title: str = "",
    writer=None,
    tag: str = "shapes",
    step: int | None = None,
) -> Figure:
    """Draw an activation, or those of a model in a grid, over the histograms of their inputs.

    Args:
        model: an activation, or a model of torch with activations in it; or, without torch, a rational of another
            framework, its coefficients as of `rrn.convert.coefficients`, or several of these by name.
        x: where to evaluate, [K]; None: over the range of the inputs, or [-3, 3] without a histogram.
        inputs: True uses the histograms that `rrn.record_inputs` left on the modules; "density" draws an estimate of
            the density instead of bars; False draws neither. Or the histograms that `rrn.record_inputs` returned.
        fitted: True adds the nearest known function, with its numbers and distance; or the candidates for it. An
            activation with several curves (CReLU, a rational with groups) gets a note instead.
        other: names (`rrn.activations.fitting.functions.NAMES`), functions or modules to draw for comparison.
        title: title of the figure.
        writer, tag, step: a TensorBoard writer to which the figure is added, with this tag and step.

    The real poles of version N are marked, with their distance from the nearest input.

    Raises:
        ValueError: no activation in the model, an unknown name, another value of `inputs`, or `x` with fewer than two
            numbers.
        MissingPackage: matplotlib is not installed.
    """
    if isinstance(inputs, str) and inputs != "density":
        raise ValueError(f"inputs: expected True, False, density or histograms, got {inputs!r}.")
    if isinstance(other, str):
        other = (other,)
    shapes = []
    for name, module in sites(model):
        histogram = _histogram(module, name, inputs)
        at = _where(x, histogram)
        y = values(module, at)
        others = [(getattr(f, "__name__", str(f)), as_function(f)(at)) for f in other]
        unfitted = f"{y.shape[1]} curves, no one function" if y.shape[1] > 1 else "values that are not finite"
        if fitted is not False and (y.shape[1] > 1 or not np.isfinite(y).all()):
            others.append((unfitted, np.full(len(at), np.nan)))
        elif fitted is not False:
            from rrn.activations.inspection.best_fit import best_fit  # SciPy, only needed here

            nearest = best_fit(module, None if fitted is True else fitted, histogram, range=(at[0], at[-1]))
            others.append((f"{nearest.formula}, distance {nearest.distance:.2g}", nearest(at)))
        shapes.append(Shape(name or kind_of(module), at, y, histogram, poles(module), tuple(others)))
    if not shapes:
        raise ValueError("expected an activation or a model with activation modules in it; it has none.")
    figure = draw(in_rows(shapes), title, density=inputs == "density")
    if writer is not None:
        writer.add_figure(tag, figure, step, close=False)
    return figure


def in_rows(shapes: Sequence[Shape]) -> list[tuple[str, Sequence[Shape]]]:
    """Lay shapes out for `draw`, in rows without labels."""
    return [("", shapes[i : i + PLOT_COLUMNS]) for i in range(0, len(shapes), PLOT_COLUMNS)]


def draw(rows: Sequence[tuple[str, Sequence[Shape]]], title: str = "", density: bool = False) -> Figure:
    """Draw a figure with a panel for each shape.

    Args:
        rows: for each row its label, which may be empty, and its shapes.
        title: title of the figure.
        density: draw an estimate of the density of the inputs instead of bars.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    with needs("a picture of activations", "plot"):
        from rrn.common.figure import Figure  # only needed here
    columns = max(len(shapes) for _, shapes in rows)
    figure = Figure(figsize=(max(3.2 * columns, 4.0), 2.6 * len(rows) + 0.4), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for (label, shapes), line in zip(rows, grid, strict=True):
        for axes in line[len(shapes) :]:
            axes.set_axis_off()
        for shape, axes in zip(shapes, line, strict=False):
            _panel(axes, shape, density)
        if label:
            line[0].set_ylabel(label, fontsize=9)
    figure.suptitle(title, fontsize=10)
    return figure


def _panel(axes: Axes, shape: Shape, density: bool) -> None:
    axes.axhline(0, color="0.6", linewidth=0.6)
    axes.axvline(0, color="0.6", linewidth=0.6)
    many = shape.y.shape[1] > 2
    for line in shape.y.T:
        axes.plot(shape.x, line, color=CURVE, linewidth=0.8 if many else 2, alpha=0.4 if many else 1)
    for (label, line), colour in zip(shape.others, OTHERS * len(shape.others), strict=False):
        axes.plot(shape.x, line, color=colour, linewidth=1.2, linestyle="--", label=label)
    low, high, bottom, top = shape.view or view_of(shape)
    axes.set_xlim(low, high)
    axes.set_ylim(bottom, top)
    if shape.inputs is not None and shape.inputs.counts.any():
        bars = axes.twinx()
        if density:
            at = np.linspace(low, high, PLOT_POINTS)
            bars.fill_between(at, shape.inputs.density(at), color=BARS)
        else:
            bars.stairs(shape.inputs.counts, shape.inputs.edges, fill=True, color=BARS)
        bars.set_ylim(bottom=0)
        bars.set_yticks([])
        bars.spines[["top", "right"]].set_visible(False)
        axes.set_zorder(bars.get_zorder() + 1)
        axes.patch.set_visible(False)
    _mark_poles(axes, shape, low, high)
    if shape.others:
        axes.legend(frameon=False, fontsize=6)
    axes.set_title(shape.name, fontsize=10)
    axes.set_xlabel("input", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _mark_poles(axes: Axes, shape: Shape, low: float, high: float) -> None:
    notes = []
    for pole in shape.poles:
        if low <= pole <= high:
            axes.axvline(pole, color=POLE, linewidth=1, linestyle=":")
        distance = ""
        if shape.inputs is not None and shape.inputs.counts.any():
            filled = np.flatnonzero(shape.inputs.counts)
            starts, ends = shape.inputs.edges[filled], shape.inputs.edges[filled + 1]
            away = max(0.0, float(np.min(np.maximum(starts - pole, pole - ends))))
            distance = f", {away:.2g} from the inputs" if away else ", among the inputs"
        notes.append(f"pole at {pole:.3g}{distance}")
    if notes:
        axes.text(0.02, 0.02, "\n".join(notes), transform=axes.transAxes, fontsize=7, color=POLE, va="bottom")


def view_of(shape: Shape) -> View:
    """Return axis limits that show the inputs, or all of x, and the curves there; a pole does not extend them."""
    low, high = float(shape.x[0]), float(shape.x[-1])
    if shape.inputs is not None and shape.inputs.counts.any():
        first, last = shape.inputs.span()
        margin = 0.1 * (last - first)
        low, high = max(low, first - margin), min(high, last + margin)
    shown = shape.y[(shape.x >= low) & (shape.x <= high)]
    shown = shown[np.isfinite(shown)]
    if not len(shown):
        return low, high, -1.0, 1.0
    bottom, top = np.quantile(shown, (0.02, 0.98)) if shape.poles else (shown.min(), shown.max())
    margin = 0.06 * (top - bottom) or 0.5
    return low, high, float(bottom - margin), float(top + margin)


def _histogram(module: Any, name: str, inputs) -> Histogram | None:
    if isinstance(inputs, dict):
        return inputs.get(name)
    if isinstance(inputs, Histogram):
        return inputs
    return getattr(module, "recorded_inputs", None) if inputs else None


def _where(x, histogram: Histogram | None) -> np.ndarray:
    if x is not None:
        x = np.asarray(x.detach().cpu() if is_tensor(x) else x, dtype=np.float64).ravel()
        if len(x) < 2:
            raise ValueError(f"x: expected two numbers or more, got {len(x)}.")
        return np.sort(x)
    low, high = RANGE
    if histogram is not None and histogram.counts.any():
        low, high = histogram.span()
        margin = 0.1 * (high - low)
        low, high = low - margin, high + margin
    return np.linspace(low, high, PLOT_POINTS)
