"""Write the report as one HTML file that needs nothing else: tables, charts, and the library that draws them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from string import Template

from plotly.offline import get_plotlyjs

from rrn.common.curves import Curve
from rrn.reference.atari100k import STEPS
from rrn.report import charts, rows
from rrn.report.aggregates import OverGames
from rrn.report.cells import BASELINE, Cell, Method, order
from rrn.report.charts import Chart
from rrn.report.html_tables import Line, attributes, markup_free, table, text
from rrn.report.missing import ToDo
from rrn.report.others import NOTE
from rrn.report.run_list import list_of_runs
from rrn.report.runs import Run
from rrn.report.styles import styles
from rrn.report.videos import Videos

HERE = Path(__file__).parent


@dataclass
class Page:
    """Content of the page, gathered before it is written."""

    runs: Sequence[Run]
    apart: Sequence[Run]  # that only the list of runs has
    shapes: Mapping[Path, Chart | None]  # by folder
    cells: Sequence[Cell]
    paper: Sequence[Curve]
    over: Sequence[OverGames]
    notes: Sequence[str]
    todos: Sequence[ToDo]
    label: Callable[[Method], str]
    charts: dict[str, Chart] = field(default_factory=dict)

    def __post_init__(self):
        methods = {run.curve.method for run in self.runs}
        self.videos = Videos()
        self.labels = {method: self.label(method) for method in sorted(methods, key=lambda method: order("", method))}
        self.chart_labels = {method: markup_free(name) for method, name in self.labels.items()}
        self.styles = styles(methods)
        self.all_games = sorted({run.curve.game for run in self.runs})

    def write(self, path: Path, title: str, subtitle: str) -> None:
        """Write the page to a file, encoded as UTF-8."""
        body = "\n".join([self._summary(), self._to_do(), *map(self._game, self.all_games)])
        body += list_of_runs([*self.runs, *self.apart], self.label)
        page = Template((HERE / "page.html").read_text(encoding="utf-8")).substitute(
            title=text(title),
            subtitle=text(subtitle),
            style=(HERE / "page.css").read_text(encoding="utf-8"),
            filters=self._filters(),
            body=body,
            plotly=get_plotlyjs(),
            # no text in the JSON may end the script element
            charts=json.dumps(self.charts, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
            script=(HERE / "page.js").read_text(encoding="utf-8"),
        )
        path.write_text(page, encoding="utf-8", errors="replace")  # the name of a folder may not be valid UTF-8

    def _chart(self, name: str, chart: Chart | None, **data: str) -> str:
        """Keep a chart for the page and return the HTML of its place; empty for None."""
        if chart is None:
            return ""
        self.charts[name] = chart
        return f'<div class="chart"{attributes(chart=name, **data)} style="height:{chart["layout"]["height"]}px"></div>'

    def _filters(self) -> str:
        seeds = sorted({str(run.curve.seed) for run in self.runs}, key=int)
        groups = [
            ("game", "games", [(game, game, True) for game in self.all_games]),
            ("method", "activations", [("|".join(m), name, True) for m, name in self.labels.items()]),
            ("seed", "shapes of", [(seed, f"seed {seed}", seed == seeds[0]) for seed in seeds]),
            ("paper", "paper", [("paper", "show its curves and bars", True)]),
        ]
        parts = []
        for kind, title, options in groups:
            if kind == "paper" and not self._compares:
                continue
            inputs = [
                f'<label><input type="checkbox" data-kind="{kind}" value="{text(value)}"{" checked" if on else ""}> '
                f"{text(name)}</label>"
                for value, name, on in options
            ]
            every = f'<button type="button" data-kind="{kind}">all</button>' if len(options) > 2 else ""
            parts.append(f"<fieldset><legend>{title}</legend>{''.join(inputs)}{every}</fieldset>")
        return "".join(parts)

    @property
    def _compares(self) -> bool:
        return bool(self.paper) or any(cell.paper_end for cell in self.cells)

    def _summary(self) -> str:
        parts = ['<h2 id="summary">Summary</h2>', *(f'<p class="warning">{text(note)}</p>' for note in self.notes)]
        of_paper = (
            " Paper then: after the fewest steps of ours, from the authors' curves, while these last. Paper at end: as "
            "printed, with their standard deviation (sd)."
        )
        parts.append(
            '<p class="note">The score of a run is the mean of its last evaluation, as in the paper, or, where no run '
            "is finished, of the last one that all have; n is the number of seeds, an interval the 95 % percentile "
            "bootstrap over them. Differences are taken after the fewest steps of both sides."
            f"{of_paper if self._compares else ''} Baseline: {' or '.join(BASELINE)}.</p>"
        )
        beside = ["paper then", "ours - paper", "paper at end"] if self._compares else []
        heads = ["game", "activation", "ours", "steps", *beside, "ours - baseline"]
        lines = []
        for game, group in groupby(rows.summary(self.cells), key=lambda row: row.game):
            for number, row in enumerate(group):
                cells = [row.game, self.label(row.method), row.ours, row.steps]
                cells += [row.paper_then, row.difference, row.paper_end] if self._compares else []
                cells.append(row.against)
                lines.append(Line(cells, {"game": row.game, "method": "|".join(row.method)}, first=number == 0))
            for name, score in rows.published(self.cells, game):
                lines.append(Line([game, name, score, f"{STEPS:,}", *["-"] * (len(heads) - 4)], {"game": game}))
        parts += [f'<p class="note">{text(NOTE)}</p>'] if any("method" not in line.data for line in lines) else []
        parts.append(table(heads, lines, "games"))
        parts += [self._over_games(aggregated) for aggregated in self.over if aggregated.rows]
        bars = charts.finals(self.cells, self.styles, self.chart_labels)
        if bars:
            parts += ["<h3>Scores, human-normalised</h3>", f'<p class="note">{text(self._of_bars())}</p>']
            parts.append(self._chart("finals", bars | {"byGame": True}))
        return "".join(parts)

    def _of_bars(self) -> str:
        note = "A dotted line marks human play, and 0 is random play. Error bars of ours are 95 % intervals."
        if any(cell.paper_then for cell in self.cells):
            note += " The paper's bars are after the fewest steps of ours, with 95 % intervals, if --curves has them."
        beside = [cell for cell in self.cells if cell.paper_end and not cell.paper_then]
        if beside:
            rest = " All others" if " The paper's" in note else " The paper's bars"
            note += f"{rest} are its final scores, with standard deviations."
            steps = {(cell.game, cell.steps[0], cell.paper_end.steps) for cell in beside}
            behind = [f"{game} ({own:,} of {end:,})" for game, own, end in sorted(steps) if own < end]
            note += f" Ours are after fewer steps on {', '.join(behind)}." if behind else ""
        return note

    def _over_games(self, over: OverGames) -> str:
        heads, lines = rows.over_games(over)
        body = [Line([self.label(method), *texts], {"method": "|".join(method)}) for method, texts in lines]
        body += [Line([name, *texts]) for name, texts in rows.published_over_games(self.cells, over)]
        note = (
            f"Over {len(over.steps)} games that all have: {', '.join(over.steps)}. 0 is random play, 1 a human. P: "
            "probability that a run is better than one of the other activation on the same game; 0.5 is chance."
        )
        profile = self._chart(f"profiles {over.agent}", charts.profiles(over.rows, self.styles, self.chart_labels))
        agent = f"{over.agent}: over" if len(self.over) > 1 else "Over"
        title = f"<h3>{text(agent)} all games, human-normalised</h3>"
        return f'{title}<p class="note">{text(note)}</p>{table(["activation", *heads], body)}{profile}'

    def _to_do(self) -> str:
        if not self.todos:
            return ""
        lines = [
            Line(
                [rows.where(todo, self.label), todo.what],
                {"games": json.dumps(todo.games), "methods": json.dumps(["|".join(method) for method in todo.methods])},
                f"<code>{text(todo.command)}</code>" if todo.command else "",
            )
            for todo in self.todos
        ]
        return f'<h2 id="missing">Missing or not finished</h2>{table(["runs", "what", "command"], lines, "text todo")}'

    def _game(self, game: str) -> str:
        runs = [run for run in self.runs if run.curve.game == game]
        paper = [curve for curve in self.paper if curve.game == game]
        cells = [cell for cell in self.cells if cell.game == game]
        curves = charts.learning(runs, cells, paper, self.styles, self.chart_labels)
        parts = [f'<h2 id="game-{text(game)}">{text(game)}</h2><h3>Scores over training</h3>']
        parts.append(self._chart(f"{game} scores", curves))
        measures = [
            self._chart(f"{game} {which.name}", charts.measure(runs, cells, which, self.styles, self.chart_labels))
            for which in charts.MEASURES
        ]
        if any(measures):
            parts.append(f'<h3>Measures of plasticity</h3><div class="grid">{"".join(measures)}</div>')
        shapes = []
        for run in sorted(runs, key=lambda run: (order(game, run.curve.method), run.curve.seed)):
            method = run.curve.method
            marks = {"method": "|".join(method), "seed": str(run.curve.seed)}
            chart = self._chart(f"shapes {run.folder}", self.shapes.get(run.folder), **marks)
            if chart:
                name = text(f"{self.label(method)}, seed {run.curve.seed}")
                shapes.append(f"<h4{attributes(**marks)}>{name}</h4>{chart}")
        if shapes:
            note = "A panel for each activation site of the network; grey bars: inputs at the last step."
            parts.append(f'<h3>Learned shapes</h3><p class="note">{note}</p>{"".join(shapes)}')
        parts.append(self.videos.of_runs(runs, self.label))
        return f"<section{attributes(game=game)}>{''.join(parts)}</section>"
