"""List all runs at the end of the page, with their settings, protocol and software."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rrn import stats
from rrn.common.curves import Curve
from rrn.common.foreign_files import read_bounded
from rrn.common.numbers import count
from rrn.config.foreign import MOST_BYTES
from rrn.reference import games_with_baselines, human_and_random
from rrn.report.cells import Method
from rrn.report.html_tables import Line, table, text
from rrn.report.runs import Run

HEADS = ("game", "activation", "seed", "state", "step", "agent steps", "mean over training", "human at step")
MOST_SOFTWARE = 100  # changes of a run's software
NOTE = (
    "Agent steps per second are those of the run's last process, evaluations included. Mean over training: the area "
    "under the curve of scores, divided by its steps; compare it for runs of the same length. Human at step: of the "
    "first evaluation at or above the score of a human."
)


def list_of_runs(runs: Sequence[Run], label: Callable[[Method], str]) -> str:
    """Write the list as HTML."""
    lines = []
    for run in runs:
        curve, status = run.curve, run.status
        cells = [curve.game, label(curve.method), str(curve.seed), run.state]
        cells.append(f"{status.step:,} of {status.steps:,}" if status else "-")
        cells.append(f"{count(status.steps_per_second)}/s" if status and status.steps_per_second else "-")
        cells += [f"{stats.area_under_curve(curve):.4g}" if len(curve.steps) > 1 else "-", _first_as_a_human(curve)]
        lines.append(Line(cells, {"game": curve.game, "method": "|".join(curve.method)}, _details(run)))
    listed = table([*HEADS, "folder, protocol, software and settings"], lines, "text")
    return f'<h2 id="runs">Runs</h2><p class="note">{NOTE}</p>{listed}'


def _details(run: Run) -> str:
    config = read_bounded(run.folder / "config.yaml", MOST_BYTES).decode("utf-8", errors="replace")
    lines = "\n".join(text(line) for line in config.split("\n"))
    return (
        f"<details><summary>{text(run.folder)}</summary><p>{text(run.config.env.protocol())}</p>{_software(run)}"
        f"<pre>{lines}</pre></details>"
    )


def _software(run: Run) -> str:
    """Write a paragraph for each change of the versions that the run was made with."""
    parts: list[str] = []
    last = None
    for process in run.software:
        versions = {name: value for name, value in process.items() if name != "step"}
        if versions != last and len(parts) < MOST_SOFTWARE:
            listed = ", ".join(f"{name} {value}" for name, value in versions.items())
            parts.append(f"<p>from step {text(process.get('step', '?'))}: {text(listed)}</p>")
        last = versions
    return "".join(parts)


def _first_as_a_human(curve: Curve) -> str:
    if curve.game not in games_with_baselines():
        return "-"
    step = stats.first_step_at(curve, human_and_random(curve.game)[0])
    return "not yet" if step is None else f"{step:,}"
