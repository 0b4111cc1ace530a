"""The command `python -m rrn.report FOLDER ...`: print the scores of runs beside the paper's, and write them as a page.

python -m rrn.report runs --curves paper_curves.csv.gz
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rrn.common.command_line import CommandParser, at_least_one
from rrn.common.console import cli_errors, terminal_size
from rrn.common.errors import UserError
from rrn.common.extras import needs
from rrn.common.numbers import plural
from rrn.common.printable import printable

with cli_errors(), needs("python -m rrn.report", "rl"):
    from rich.console import Console
    from rich.text import Text

    from rrn.reference import read_curves
    from rrn.report.aggregates import over_games
    from rrn.report.caveats import notes
    from rrn.report.cells import Method, make_cells
    from rrn.report.missing import to_do
    from rrn.report.page import Page
    from rrn.report.runs import SMOKE, read_runs
    from rrn.report.shape_charts import evolution
    from rrn.report.styles import label
    from rrn.report.terminal import show


def main(arguments: list[str]) -> None:
    """Print the report and write the page; a user's mistake ends the command with a sentence and exit code 2."""
    parser = CommandParser("python -m rrn.report", "Scores of runs, beside the paper's.")
    parser.add_argument("folders", nargs="*", type=Path, default=[Path("runs")], help="with runs at any depth")
    parser.add_argument(
        "--curves", type=Path, help="the authors' curves, as python -m rrn.reference import writes them"
    )
    parser.add_argument("--out", type=Path, default=Path("report.html"), help="the page (default: report.html)")
    parser.add_argument(
        "--seeds", type=at_least_one, default=5, help="of each activation, to say which are missing (default: 5)"
    )
    args = parser.parse_args(arguments)
    with cli_errors():
        report(args.folders, args.curves, args.out, args.seeds)


def report(folders: Sequence[Path], curves: Path | None, out: Path, seeds: int) -> None:
    """Print the report on the runs in some folders, and write its page.

    Args:
        folders: folders with runs at any depth.
        curves: file of the authors' curves; None: compare only with the scores that the paper prints.
        out: the HTML file.
        seeds: number of seeds that each activation should have.

    Raises:
        UserError: a folder or the curves cannot be read, there is no run, or the page cannot be written.
    """
    runs, damaged = read_runs(folders)
    if not runs:
        where = ", ".join(map(str, folders))
        what = "no run here can be read." if damaged else "no run is here; python -m rrn.train makes one."
        raise UserError(" ".join([f"{where}: {what}", *damaged]))
    apart = [run for run in runs if run.config.experiment == SMOKE]
    if apart and len(apart) < len(runs):
        runs = [run for run in runs if run.config.experiment != SMOKE]
        what = f"{plural(len(apart), 'run')} with experiment={SMOKE}"
        damaged.append(f"{what}, which try everything once and learn nothing; the page lists them.")
    else:
        apart = []
    damaged += [run.no_status for run in runs if run.no_status]
    shapes = {run.folder: evolution(run.folder, damaged) for run in runs}
    played = {run.curve.game for run in runs}
    paper = [curve for curve in read_curves(curves) if curve.game in played] if curves else []
    if curves and not paper:
        damaged.append(f"{curves}: no curve of {', '.join(sorted(played))} is in it.")
    cells = make_cells((run.curve for run in runs), paper, {run.curve for run in runs if run.is_finished})
    over = over_games(cells)
    remarks, todos = notes(cells, over, runs, damaged), to_do(runs, seeds)
    several = len({run.curve.agent for run in runs}) > 1

    def named(method: Method) -> str:
        return label(method, several)

    console = Console(width=terminal_size(sys.stdout)[0], highlight=False)
    show(console, cells, over, remarks, todos, named)
    page = Page(
        runs=runs,
        apart=apart,
        shapes=shapes,
        cells=cells,
        paper=paper,
        over=over,
        notes=remarks,
        todos=todos,
        label=named,
    )
    where = printable(", ".join(map(str, folders)))
    when = datetime.now().strftime("%d %B %Y, %H:%M")
    try:
        page.write(out, f"{len(runs)} runs in {where}", f"Made {when} by python -m rrn.report.")
    except OSError as error:
        raise UserError(f"{out}: {error.strerror or error}; choose another file with --out.") from error
    size = f"{out.stat().st_size / 1e6:.1f} MB"
    console.print(Text(f"\nthe page with curves and shapes: {printable(out)} ({size})"))


if __name__ == "__main__":
    main(sys.argv[1:])
