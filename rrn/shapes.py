"""The command `python -m rrn.shapes RUN...`: the activations of one run, or of several beside each other.

python -m rrn.shapes runs/Pong/dqn-rational/seed0 --out shapes.png
python -m rrn.shapes runs/*/dqn-recurrent_rational/seed0 --out games.gif
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rrn.activations.inspection.animate import animate, draw_runs
from rrn.activations.inspection.snapshots import FILE
from rrn.common.animation import SUFFIXES
from rrn.common.errors import UserError
from rrn.runs.signals import command_line


def main() -> None:
    """Draw what the command line says; a user's mistake ends with a sentence and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m rrn.shapes", description="Draw the activations of runs.")
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs, or folders with runs in them")
    parser.add_argument("--out", type=Path, default=Path("shapes.png"), metavar="FILE", help=".png, .pdf, .gif or .mp4")
    parser.add_argument("--per-second", type=float, default=6, help="frames of an animation (default: 6)")
    parser.add_argument("--title", default="")
    options = parser.parse_args()
    with command_line():
        frames = ""
        try:
            found = find_runs(options.runs)
            if options.out.suffix in SUFFIXES:
                number = animate(found, options.out, per_second=options.per_second, title=options.title)
                frames = f"{number} frames, "
            else:
                options.out.parent.mkdir(parents=True, exist_ok=True)
                draw_runs(found, options.title).savefig(options.out, dpi=150)
        except (ValueError, OSError) as error:
            raise UserError(str(error)) from error
        print(f"{options.out}: {frames}{len(found)} runs")


def find_runs(folders: list[Path]) -> dict[str, Path]:
    """The runs with snapshots in these folders, by the part of their path that tells them apart.

    Raises:
        ValueError: a folder without any.
    """
    runs: list[Path] = []
    for folder in folders:
        inside = [folder.parent] if folder.name == FILE else sorted(path.parent for path in folder.rglob(FILE))
        if not inside:
            raise ValueError(f"{folder}: no run with snapshots is here; a run writes {FILE} at its first evaluation.")
        runs += [run for run in inside if run not in runs]
    common = os.path.commonpath([run.resolve().parent for run in runs])
    return {os.path.relpath(run.resolve(), common): run for run in runs}


if __name__ == "__main__":
    main()
