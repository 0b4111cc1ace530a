"""Choose colour, dash, symbol and pattern of each activation for all charts, so that colour is not needed to see it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rrn.report.cells import Method, order

# after Okabe and Ito, whose colours the colour-blind can distinguish
COLOURS = ("#000000", "#0072b2", "#009e73", "#d55e00", "#cc79a7", "#8a6d00", "#56b4e9", "#7f7f7f")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "x", "cross", "star")
PATTERNS = ("", "/", "x", ".", "-", "+", "|", "\\")


@dataclass(frozen=True)
class Style:
    """Look of the curves, marks and bars of a method, in words of plotly."""

    colour: str
    dash: str
    symbol: str
    pattern: str


def styles(methods: Iterable[Method]) -> dict[Method, Style]:
    """Choose a style for each method, by its position in their order."""
    return {
        method: Style(*(row[number % len(row)] for row in (COLOURS, DASHES, SYMBOLS, PATTERNS)))
        for number, method in enumerate(sorted(set(methods), key=lambda method: order("", method)))
    }


def label(method: Method, several_agents: bool) -> str:
    """Name a method in the report: its activation, after its agent if there are several agents."""
    return " ".join(method) if several_agents else method[1]
