"""Make the table of several runs: one line each, as wide as the terminal, redrawn in place."""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rrn.common.numbers import count, duration, plural
from rrn.common.printable import printable

if TYPE_CHECKING:
    from rrn.runs.status_file import Status

STATES = ("running", "failed", "killed", "stopped", "waiting", "done")  # what matters most comes first
NUMBERS = (("", 4), ("step", 5), ("/s", 5), ("left", 6), ("return", 7), ("eval", 7))  # heads and widths
BAR = 20  # characters at most, where there is room


@dataclass
class Row:
    """Hold the values of one run."""

    folder: Path
    state: str  # one of STATES
    why: str | None = None
    status: Status | None = None  # None: it has not begun


def table(rows: list[Row], width: int, height: int | None = None) -> list[str]:
    """Make the lines of the table.

    Args:
        rows: the runs.
        width: characters in a line.
        height: lines at most: runs that do not fit are counted instead, reasons are cut off at the width.
    """
    if not rows:
        return ["no run is here"]
    common, names = _names(rows)
    heads = [head for head, _ in NUMBERS]
    room = width - 8 - sum(size + 1 for _, size in NUMBERS)  # for the names, and a bar if they leave enough
    longest = max(3, min(room, max(map(len, names))))
    bar = min(BAR, room - longest - 1)
    bar = bar if bar >= 5 else 0
    lines = [_clip(f"{common}: {_counts(rows)}", width), _line("run", "state", "", heads, longest, bar)]
    left = [(row, name) for state in STATES for row, name in zip(rows, names, strict=True) if row.state == state]
    if height is None:
        left = list(zip(rows, names, strict=True))
    while left:
        row, name = left[0]
        line = _line(_shorten(name, longest), row.state, _bar(row.status, bar), _numbers(row), longest, bar)
        more = [line, *_reason(row, width, height is not None)]
        if height is not None and len(lines) + len(more) + (len(left) > 1) > height:
            lines.append(_clip(f"and {len(left)} more: {_counts([row for row, _ in left])}", width))
            break
        lines += more
        left.pop(0)
    return [line.rstrip() for line in lines]


def _names(rows: list[Row]) -> tuple[str, list[str]]:
    """Split paths into what they have in common and the rest of each."""
    folders = [str(row.folder) for row in rows]
    if len({os.path.isabs(folder) for folder in folders}) > 1:
        folders = [os.path.abspath(folder) for folder in folders]
    common = os.path.commonpath([os.path.dirname(folder) for folder in folders])
    return printable(common or "."), [printable(os.path.relpath(folder, common or ".")) for folder in folders]


def _counts(rows: list[Row]) -> str:
    counted = Counter(row.state for row in rows)
    return f"{plural(len(rows), 'run')}, " + ", ".join(f"{counted[s]} {s}" for s in STATES if counted[s])


def _line(name: str, state: str, bar: str, numbers: list[str], longest: int, bar_width: int) -> str:
    cells = [f"{text:>{width}}" for text, (_, width) in zip(numbers, NUMBERS, strict=True)]
    return " ".join([f"{name:<{longest}}", f"{state:<7}", *([f"{bar:<{bar_width}}"] if bar_width else []), *cells])


def _numbers(row: Row) -> list[str]:
    status = row.status
    if status is None:
        return [""] * len(NUMBERS)
    rate = status.steps_per_second
    running = row.state == "running" and rate
    return [
        f"{100 * _part(status):.0f}%",
        count(status.step),
        (count(rate) if rate >= 9.95 else f"{rate:.1f}") if rate else "",
        duration((status.steps - status.step) / rate) if running else "",
        _score(status.last_return),
        _score(status.last_evaluation),
    ]


def _part(status: Status) -> float:
    """Compute the part of the run that is done, in whole percent, rounded down: 1 only at the end."""
    return min(1.0, int(100 * status.step / status.steps) / 100)


def _bar(status: Status | None, width: int) -> str:
    return "#" * int(width * _part(status)) + "." * (width - int(width * _part(status))) if status else ""


def _score(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if abs(value) < 1e4 else f"{value:.0f}" if abs(value) < 1e6 else f"{value:.1e}"


def _reason(row: Row, width: int, cut: bool) -> list[str]:
    if not row.why:
        return []
    if cut:
        return [_clip(f"  {printable(row.why)}", width)]
    return textwrap.wrap(printable(row.why), width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _clip(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 2] + ".."


def _shorten(name: str, width: int) -> str:
    """Cut the middle out of a text: the end distinguishes runs."""
    if len(name) <= width:
        return name
    end = (width - 2) * 2 // 3
    return f"{name[: width - 2 - end]}..{name[-end:]}"
