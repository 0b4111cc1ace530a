"""Pictures of the plasticity study: accuracy over the tasks, and accuracy beside each measure of plasticity."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

SMOOTH = 3  # tasks behind a point of a curve
STYLES = {  # of the methods in the main picture: colour, line, marker; told apart without colour too
    "rational": ("#d55e00", "-", "o"),
    "recurrent_rational": ("#e69f00", "--", "s"),
    "tanh": ("#0072b2", "-", "^"),
    "crelu_equal": ("#009e73", "-.", "D"),
    "smooth_leaky_relu": ("#cc79a7", ":", "v"),
    "fourier_equal": ("#56b4e9", "--", "P"),
    "hadamard_tanh": ("#7a4a2b", ":", "h"),
    "relu, LayerNorm": ("#666666", "-.", "X"),
    "relu": ("#000000", "-", "."),
}
GREY = "#999999"
CONTROLS = {  # method and learning rate: name, line, marker
    ("relu, new network for each task", "1e-3"): ("a new network for each task (relu)", "-", "*"),
    ("relu", "1e-2"): ("relu, rate 1e-2", ":", "x"),
}
OF_MEASURES = {
    "dormant": "share of dormant units",
    "effective_rank": "effective rank",
    "weight_norm": "norm of all parameters",
    "gradient_norm": "norm of the last gradient",
    "curvature": "largest curvature",
    "distance": "distance from the start",
}
LOGARITHMIC = ("weight_norm", "gradient_norm", "curvature", "distance")


def draw_tasks(runs: dict, best: dict[str, str]) -> Figure:
    """Draw the mean online accuracy over the tasks, with the range of half of the seeds.

    Args:
        runs: rows of tasks by method, learning rate and seed.
        best: learning rate of each method.
    """
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for method, (colour, line, marker) in STYLES.items():
        _curve(axes, runs, method, best.get(method, ""), method, color=colour, linestyle=line, marker=marker)
    for key, (text, line, _) in CONTROLS.items():
        _curve(axes, runs, *key, text, color=GREY, linestyle=line, marker="")
    axes.set(xlabel="task", ylabel="online accuracy on random labels, per cent", ylim=(0, 100))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def _curve(axes, runs: dict, method: str, rate: str, text: str, **style) -> None:
    seeds = [tasks for (own, at, _), tasks in sorted(runs.items()) if (own, at) == (method, rate)]
    if not seeds:
        return
    shortest = min(map(len, seeds))
    accuracy = np.array([[row["accuracy"] for row in tasks[:shortest]] for tasks in seeds])
    smooth = np.array([np.convolve(row, np.ones(SMOOTH) / SMOOTH, "valid") for row in accuracy])
    tasks = np.arange(shortest - SMOOTH + 1) + (SMOOTH + 1) / 2
    axes.plot(tasks, smooth.mean(0), label=text, linewidth=1.6, markevery=6, markersize=5, **style)
    low, high = np.percentile(smooth, [25, 75], axis=0)
    axes.fill_between(tasks, low, high, color=style["color"], alpha=0.15, linewidth=0)


def draw_measures(runs: dict, best: dict[str, str]) -> Figure:
    """Draw, for each measure, a point for each run: its mean over the last five tasks and the accuracy there."""
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    shown = {(method, best.get(method)): (method, colour, marker) for method, (colour, _, marker) in STYLES.items()}
    shown |= {key: (text, GREY, marker) for key, (text, _, marker) in CONTROLS.items()}
    for ax, (measure, text) in zip(figure.subplots(2, 3).flat, OF_MEASURES.items(), strict=True):
        for key, (label, colour, marker) in shown.items():
            points = [
                [np.mean([row.get(name, np.nan) for row in tasks[-5:]]) for name in (measure, "accuracy")]
                for (method, rate, _), tasks in sorted(runs.items())
                if (method, rate) == key
            ]
            if points:
                x, y = np.array(points).T
                ax.scatter(x, y, s=26, color=colour, marker=marker, alpha=0.8, label=label, linewidths=marker == "x")
        ax.set(xlabel=text, ylabel="accuracy, last 5 tasks", ylim=(0, 100))
        if measure in LOGARITHMIC:
            _logarithmic(ax)
        ax.grid(alpha=0.3)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def _logarithmic(ax: Axes) -> None:
    """Give an axis a logarithmic scale, with plain numbers at 1, 2, 5 and so on, or at powers of ten if it is long."""
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 30 else (1,)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
