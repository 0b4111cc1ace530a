"""Write the report as one HTML file that needs nothing else: tables, charts, videos, and the library that draws."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template

from plotly.offline import get_plotlyjs

from rrn import stats
from rrn.common.curves import Curve
from rrn.common.numbers import count
from rrn.reference import baselines
from rrn.reference.tables import games as games_with_scores
from rrn.report import charts, rows
from rrn.report.aggregates import OverGames
from rrn.report.cells import BASELINE, Cell, Method, order
from rrn.report.charts import Chart
from rrn.report.missing import ToDo
from rrn.report.runs import Run
from rrn.report.shape_charts import evolution
from rrn.report.styles import styles

VIDEO_BYTES, VIDEOS_BYTES = 1_500_000, 5_000_000  # most of one video, and of all together
HERE = Path(__file__).parent


@dataclass
class Page:
    """Content of the page, gathered before it is written."""

    runs: Sequence[Run]
    cells: Sequence[Cell]
    paper: Sequence[Curve]
    over: Sequence[OverGames]
    notes: Sequence[str]
    todos: Sequence[ToDo]
    label: Callable[[Method], str]
    charts: dict[str, Chart] = field(default_factory=dict)
    _video_bytes: int = field(default=0, init=False)  # of the videos taken so far

    def __post_init__(self):
        methods = {run.curve.method for run in self.runs}
        self.labels = {method: self.label(method) for method in sorted(methods, key=lambda method: order("", method))}
        self.styles = styles(methods)
        self.all_games = sorted({run.curve.game for run in self.runs})

    def write(self, path: Path, title: str, subtitle: str) -> None:
        """Write the page to a file, encoded as UTF-8."""
        body = "\n".join([self._summary(), self._to_do(), *map(self._game, self.all_games), self._runs()])
        text = Template((HERE / "page.html").read_text(encoding="utf-8")).substitute(
            title=escape(title),
            subtitle=escape(subtitle),
            style=(HERE / "page.css").read_text(encoding="utf-8"),
            filters=self._filters(),
            body=body,
            plotly=get_plotlyjs(),
            # no text in the JSON may end the script element
            charts=json.dumps(self.charts, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
            script=(HERE / "page.js").read_text(encoding="utf-8"),
        )
        path.write_text(text, encoding="utf-8", errors="replace")  # the name of a folder may not be valid UTF-8

    def _chart(self, name: str, chart: Chart | None, **data: str) -> str:
        """Keep a chart for the page and return the HTML of its place; empty for None."""
        if chart is None:
            return ""
        self.charts[name] = chart
        marks = "".join(f' data-{key}="{escape(value)}"' for key, value in data.items())
        return (
            f'<div class="chart" data-chart="{escape(name)}"{marks} style="height:{chart["layout"]["height"]}px"></div>'
        )

    def _filters(self) -> str:
        seeds = sorted({str(run.curve.seed) for run in self.runs}, key=int)
        groups = [
            ("game", "games", [(game, game, True) for game in self.all_games]),
            ("method", "activations", [("|".join(m), text, True) for m, text in self.labels.items()]),
            ("seed", "shapes of", [(seed, f"seed {seed}", seed == seeds[0]) for seed in seeds]),
            ("paper", "paper", [("paper", "show its curves and bars", True)]),
        ]
        parts = []
        for kind, title, options in groups:
            if kind == "paper" and not self._compares:
                continue
            inputs = [
                f'<label><input type="checkbox" data-kind="{kind}" value="{escape(value)}"{" checked" if on else ""}> '
                f"{escape(text)}</label>"
                for value, text, on in options
            ]
            every = f'<button type="button" data-kind="{kind}">all</button>' if len(options) > 2 else ""
            parts.append(f"<fieldset><legend>{title}</legend>{''.join(inputs)}{every}</fieldset>")
        return "".join(parts)

    @property
    def _compares(self) -> bool:
        return bool(self.paper) or any(cell.paper_end for cell in self.cells)

    def _summary(self) -> str:
        parts = ['<h2 id="summary">Summary</h2>', *(f'<p class="warning">{escape(note)}</p>' for note in self.notes)]
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
        for _, group in groupby(rows.summary(self.cells), key=lambda row: row.game):
            for number, row in enumerate(group):
                first = "" if number else " class=first"
                cells = [row.game, self.label(row.method), row.ours, row.steps]
                cells += [row.paper_then, row.difference, row.paper_end] if self._compares else []
                cells.append(row.against)
                marks = f'data-game="{escape(row.game)}" data-method="{escape("|".join(row.method))}"'
                lines.append(f"<tr {marks}{first}>{_cells(cells)}</tr>")
        parts.append(_table(heads, lines, "games"))
        parts += [self._over_games(aggregated) for aggregated in self.over if aggregated.rows]
        bars = charts.finals(self.cells, self.styles, self.labels)
        if bars:
            parts += ["<h3>Scores, human-normalised</h3>", f'<p class="note">{escape(self._of_bars())}</p>']
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
        body = [
            f'<tr data-method="{escape("|".join(method))}">{_cells([self.label(method), *texts])}</tr>'
            for method, texts in lines
        ]
        note = (
            f"Over {len(over.steps)} games that all have: {', '.join(over.steps)}. 0 is random play, 1 a human. P: "
            "probability that a run is better than one of the other activation on the same game; 0.5 is chance."
        )
        profile = self._chart(f"profiles {over.agent}", charts.profiles(over.rows, self.styles, self.labels))
        agent = f"{over.agent}: over" if len(self.over) > 1 else "Over"
        title = f"<h3>{agent} all games, human-normalised</h3>"
        return f'{title}<p class="note">{escape(note)}</p>{_table(["activation", *heads], body)}{profile}'

    def _to_do(self) -> str:
        if not self.todos:
            return ""
        lines = [
            f"<tr>{_cells([rows.where(todo, self.label), todo.what])}"
            f"<td><code>{escape(todo.command or '')}</code></td></tr>"
            for todo in self.todos
        ]
        table = _table(["runs", "what", "command"], lines, "text")
        return f'<h2 id="missing">Missing or not finished</h2>{table}'

    def _game(self, game: str) -> str:
        runs = [run for run in self.runs if run.curve.game == game]
        paper = [curve for curve in self.paper if curve.game == game]
        cells = [cell for cell in self.cells if cell.game == game]
        curves = charts.learning(runs, cells, paper, self.styles, self.labels)
        parts = [f'<h2 id="{escape(game)}">{escape(game)}</h2><h3>Scores over training</h3>']
        parts.append(self._chart(f"{game} scores", curves))
        measures = [
            self._chart(f"{game} {which.name}", charts.measure(runs, cells, which, self.styles, self.labels))
            for which in charts.MEASURES
        ]
        if any(measures):
            parts.append(f'<h3>Measures of plasticity</h3><div class="grid">{"".join(measures)}</div>')
        shapes = []
        for run in sorted(runs, key=lambda run: (order(game, run.curve.method), run.curve.seed)):
            method = run.curve.method
            marks = {"method": "|".join(method), "seed": str(run.curve.seed)}
            chart = self._chart(f"shapes {run.folder}", evolution(run.folder), **marks)
            if chart:
                data = "".join(f' data-{key}="{escape(value)}"' for key, value in marks.items())
                shapes.append(f"<h4{data}>{escape(self.label(method))}, seed {run.curve.seed}</h4>{chart}")
        if shapes:
            note = "A panel for each activation site of the network; grey bars: inputs at the last step."
            parts.append(f'<h3>Learned shapes</h3><p class="note">{note}</p>{"".join(shapes)}')
        parts.append(self._videos(runs))
        return f'<section data-game="{escape(game)}">{"".join(parts)}</section>'

    def _videos(self, runs: Sequence[Run]) -> str:
        """Embed the videos in the folders of runs that are small enough, and name the others."""
        parts = []
        for run in runs:
            for path in sorted(path for path in run.folder.rglob("*.mp4") if path.is_file()):
                size = path.stat().st_size
                method = run.curve.method
                text = escape(f"{self.label(method)}, seed {run.curve.seed}")
                if size > VIDEO_BYTES or self._video_bytes + size > VIDEOS_BYTES:
                    source, text = "", f"{text}: {escape(str(path))}, too large for this page ({size / 1e6:.1f} MB)"
                else:
                    self._video_bytes += size
                    data = base64.b64encode(path.read_bytes()).decode()
                    source = f'<video controls preload="metadata" src="data:video/mp4;base64,{data}"></video>'
                parts.append(
                    f'<figure data-method="{escape("|".join(method))}">{source}<figcaption>{text}</figcaption></figure>'
                )
        return f"<h3>Videos</h3>{''.join(parts)}" if parts else ""

    def _runs(self) -> str:
        lines = []
        for run in self.runs:
            curve, status = run.curve, run.status
            cells = [curve.game, self.label(curve.method), str(curve.seed), run.state]
            cells.append(f"{status.step:,} of {status.steps:,}" if status else "-")
            cells.append(f"{count(status.steps_per_second)}/s" if status and status.steps_per_second else "-")
            cells += [f"{stats.area_under_curve(curve):.4g}" if len(curve.steps) > 1 else "-", _first_as_a_human(curve)]
            config = escape((run.folder / "config.yaml").read_text(encoding="utf-8"))
            details = f"<details><summary>{escape(str(run.folder))}</summary>"
            details += f"<p>{escape(run.config.env.protocol())}</p>{_software(run)}<pre>{config}</pre></details>"
            marks = f'data-game="{escape(curve.game)}" data-method="{escape(f"{curve.agent}|{curve.act}")}"'
            lines.append(f"<tr {marks}>{_cells(cells)}<td>{details}</td></tr>")
        heads = ["game", "activation", "seed", "state", "step", "agent steps", "mean over training", "human at step"]
        note = (
            "Agent steps per second are those of the run's last process, evaluations included. Mean over training: the "
            "area under the curve of scores, divided by its steps; compare it for runs of the same length. Human at "
            "step: of the first evaluation at or above the score of a human."
        )
        table = _table([*heads, "folder, protocol, software and settings"], lines, "text")
        return f'<h2 id="runs">Runs</h2><p class="note">{note}</p>{table}'


def _software(run: Run) -> str:
    """Write a paragraph for each change of the versions that the run was made with."""
    parts, last = [], None
    for process in run.software:
        versions = {name: value for name, value in process.items() if name != "step"}
        if versions != last:
            text = ", ".join(f"{name} {value}" for name, value in versions.items())
            parts.append(f"<p>from step {escape(str(process.get('step', '?')))}: {escape(text)}</p>")
        last = versions
    return "".join(parts)


def _first_as_a_human(curve: Curve) -> str:
    if curve.game not in games_with_scores():
        return "-"
    step = stats.first_step_at(curve, baselines(curve.game).human)
    return "not yet" if step is None else f"{step:,}"


def _table(heads: Sequence[str], lines: Sequence[str], kind: str = "") -> str:
    cells = "".join(f"<th>{escape(head)}</th>" for head in heads)
    table = f'<table class="{kind}"><thead><tr>{cells}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def _cells(texts: Sequence[str]) -> str:
    return "".join(f"<td>{escape(text)}</td>".replace("\n", "<br>") for text in texts)
