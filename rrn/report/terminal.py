"""The report on the terminal: a table for each game, the aggregates, and what is missing with its command."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rrn.report import rows
from rrn.report.cells import Aggregate, Cell, Method
from rrn.report.runs import Run
from rrn.report.todo import ToDo

WIDE = 100  # columns of a terminal that has room for the comparison with the baseline beside that with the paper


def show(
    console: Console,
    cells: Sequence[Cell],
    games: Sequence[str],
    aggregates: Sequence[Aggregate],
    found: Sequence[ToDo],
    runs: Sequence[Run],
    damaged: Sequence[str],
    label: Callable[[Method], str],
) -> None:
    """Print it all; commands are one line each, whatever the width, so that they can be copied."""
    summary = rows.summary(cells)
    compared = any(row.paper_end != "-" or row.paper_then != "-" for row in summary)
    for game, group in groupby(summary, key=lambda row: row.game):
        console.print(_game(game, list(group), compared, console.width >= WIDE, label))
    if aggregates:
        heads, lines = rows.aggregates(aggregates)
        title = f"human-normalised, over {len(games)} games: {', '.join(games)}"
        between = "_" if console.width >= WIDE else "_\n"  # the table is wide
        lines = [(label(method).replace("_", between), *texts) for method, texts in lines]
        console.print(_table(title, heads, lines))
    for sentence in rows.warnings(cells, aggregates, runs, damaged):
        console.print(Text(f"note: {sentence}"))
    if found:
        console.print(Text("\nmissing or not finished", style="bold"))
    for one in found:
        console.print(Text(f"{rows.where(one, label)}: {one.what}"))
        if one.command:
            console.print(Text(f"  {one.command}"), soft_wrap=True)


def _game(game: str, group: list[rows.Row], compared: bool, wide: bool, label: Callable[[Method], str]) -> Table:
    steps = {row.steps for row in group}
    title = f"{game}, after {steps.pop()} agent steps" if len(steps) == 1 and "\n" not in group[0].steps else game
    columns = {"ours": "ours"}
    if title == game:
        columns["steps"] = "steps"
    if compared:
        columns |= {"paper_then": "paper then", "difference": "ours - paper", "paper_end": "paper at end"}
    if wide or not compared:
        columns["against"] = "ours - baseline"
    return _table(title, columns.values(), [(label(row.method), *(getattr(row, c) for c in columns)) for row in group])


def _table(title: str, heads: Iterable[str], lines: Iterable[Sequence[str]]) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", header_style="", box=SIMPLE_HEAD, pad_edge=False
    )
    table.add_column("activation", overflow="fold")
    for head in heads:
        table.add_column(head, justify="right")
    for line in lines:
        table.add_row(*line)
    return table
