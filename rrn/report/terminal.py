"""Print the report to the terminal: a table for each game, the aggregates, and what is missing with its command."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rrn.common.printable import printable
from rrn.report import rows
from rrn.report.aggregates import OverGames
from rrn.report.cells import Cell, Method
from rrn.report.missing import ToDo
from rrn.report.others import NOTE

LONG = 4_000  # characters of a line at most
WIDE = 100  # columns of a terminal with room for both comparisons, with the paper and with the baseline


def show(
    console: Console,
    cells: Sequence[Cell],
    over: Sequence[OverGames],
    notes: Sequence[str],
    todos: Sequence[ToDo],
    label: Callable[[Method], str],
) -> None:
    """Print the whole report; commands are one line each, whatever the width, so that they can be copied."""
    summary = rows.summary(cells)
    columns = {"ours": "ours"}
    then = any(row.paper_then != "-" for row in summary)
    if then:
        columns |= {"paper_then": "paper then", "difference": "ours - paper"}
    if any(row.paper_end != "-" for row in summary):
        columns["paper_end"] = "paper at end"
        if not then:
            hint = "--curves FILE adds the paper's scores after as many steps; python -m rrn.reference says how"
            notes = [*notes, f"{hint} to make the file."]
    columns["against"] = "ours - baseline"
    wide = console.width >= WIDE
    if then and not wide:
        del columns["against"]
        notes = [*notes, f"The differences from the baseline are shown from {WIDE} columns on, and on the page."]

    def fits(table: Table) -> bool:
        return console.measure(table, options=console.options.update(max_width=1_000)).maximum <= console.width

    def printed(title: str, heads: Sequence[str], lines: Sequence[tuple[str, Sequence[str]]]) -> None:
        table = _table(title, heads, [(name, *texts) for name, texts in lines])
        if not fits(table):
            words = [printable(name).split(" ") for name, _ in lines]
            names = ["\n".join(w if "=" in w else w.replace("_", "_\n") for w in parts) for parts in words]
            folded = [head.replace(" ", "\n") for head in heads]
            table = _table(title, folded, [(name, *texts) for name, (_, texts) in zip(names, lines, strict=True)])
        if not fits(table) and len(heads) > 1:  # one table after the other, in place of numbers that are folded
            half = (len(heads) + 1) // 2
            printed(title, heads[:half], [(name, texts[:half]) for name, texts in lines])
            printed("continued", heads[half:], [(name, texts[half:]) for name, texts in lines])
        else:
            console.print(table)

    def named(lines: Sequence[tuple[Method, Sequence[str]]]) -> list[tuple[str, Sequence[str]]]:
        return [(label(method), texts) for method, texts in lines]

    for game, group in groupby(summary, key=lambda row: row.game):
        title, heads, lines = _game(game, list(group), columns)
        others = [_beside(heads, name, score) for name, score in rows.published(cells, game)]
        notes = [*notes, NOTE] if others and NOTE not in notes else notes
        printed(title, heads, [*named(lines), *others])
    for aggregated in over:
        if aggregated.rows:
            heads, aggregates = rows.over_games(aggregated)
            games = f"human-normalised, over {len(aggregated.steps)} games: {', '.join(aggregated.steps)}"
            title = games if len(over) == 1 else f"{aggregated.agent}, {games}"
            printed(title, heads, [*named(aggregates), *rows.published_over_games(cells, aggregated)])
    for sentence in notes:
        console.print(Text(printable(f"note: {sentence}", LONG)))
    if todos:
        console.print(Text("\nmissing or not finished", style="bold"))
    for todo in todos:
        console.print(Text(printable(f"{rows.where(todo, label)}: {todo.what}", LONG)))
        if todo.command:
            console.print(Text(f"  {printable(todo.command, LONG)}"), soft_wrap=True)


def _game(
    game: str, group: list[rows.Row], columns: dict[str, str]
) -> tuple[str, Sequence[str], list[tuple[Method, Sequence[str]]]]:
    """Return title, heads and lines of a game's table.

    Args:
        game: its name.
        group: its rows.
        columns: field of a row to its head; `steps` is added if they are not all equal.
    """
    steps = {row.steps for row in group}
    title = f"{game}, after {steps.pop()} agent steps" if len(steps) == 1 and "\n" not in group[0].steps else game
    if title == game:
        columns = {"steps": "steps", **columns}
    return title, [*columns.values()], [(row.method, [getattr(row, field) for field in columns]) for row in group]


def _beside(heads: Sequence[str], name: str, score: str) -> tuple[str, Sequence[str]]:
    """Return a line of others, whose score is in the column of ours."""
    return name, [score if head == "ours" else "-" for head in heads]


def _table(title: str, heads: Iterable[str], lines: Iterable[Sequence[str]]) -> Table:
    table = Table(
        title=Text(printable(title)),
        title_justify="left",
        title_style="bold",
        header_style="",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("activation", overflow="fold")
    for head in heads:
        table.add_column(Text("\n".join(map(printable, head.split("\n")))), justify="right")
    for line in lines:  # as Text, in which brackets are no markup
        table.add_row(*(Text("\n".join(map(printable, cell.split("\n")))) for cell in line))
    return table
