"""Colour, dash, symbol and pattern of each activation, the same in every chart: no need to see the colour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rrn.report.cells import Method, order

# after Okabe and Ito, who chose them for all eyes
COLOURS = ("#000000", "#0072b2", "#009e73", "#d55e00", "#cc79a7", "#8a6d00", "#56b4e9", "#7f7f7f")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "x", "cross", "star")
PATTERNS = ("", "/", "x", ".", "-", "+", "|", "\\")


@dataclass(frozen=True)
class Style:
    """How the curves, marks and bars of a method look, in words of plotly."""

    colour: str
    dash: str
    symbol: str
    pattern: str


def styles(methods: Iterable[Method]) -> dict[Method, Style]:
    """One for each method, by its place among them."""
    found = {}
    for number, method in enumerate(sorted(set(methods), key=lambda method: order("", method))):
        picks = (row[number % len(row)] for row in (COLOURS, DASHES, SYMBOLS, PATTERNS))
        found[method] = Style(*picks)
    return found


def label(method: Method, several_agents: bool) -> str:
    """The activation, with the agent before it where there is more than one."""
    return " ".join(method) if several_agents else method[1]
