"""Command `python -m rrn.shapes RUN...`: draw the activations of a run, or of several side by side.

python -m rrn.shapes runs/Pong/dqn-rational/seed0 --out shapes.png
python -m rrn.shapes runs/*/dqn-recurrent_rational/seed0 --out games.gif
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rrn.common.command_line import CommandParser, finite_number
from rrn.common.console import cli_errors
from rrn.common.errors import UserError
from rrn.common.extras import needs
from rrn.common.numbers import plural

with cli_errors(), needs("python -m rrn.shapes", "rl"):
    from rrn.activations.inspection.animate import animate, draw_runs
    from rrn.activations.inspection.snapshots import SNAPSHOT_FILE
    from rrn.common.animation import SUFFIXES
    from rrn.common.figure import save_figure
    from rrn.runs.folder import find_runs


def main() -> None:
    """Run the command line; a user's mistake ends with a one-line error and exit code 2."""
    parser = CommandParser("python -m rrn.shapes", "Draw the activations of runs.")
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs, or folders with runs in them")
    parser.add_argument("--out", type=Path, default=Path("shapes.png"), metavar="FILE", help=".png, .pdf, .gif or .mp4")
    parser.add_argument(
        "--per-second", type=finite_number, default=6, metavar="N", help="frames of an animation (default: 6)"
    )
    parser.add_argument("--title", default="", help="above the picture")
    options = parser.parse_args()
    with cli_errors():
        frames = ""
        try:
            runs: dict[str, Any] = find_runs(options.runs, SNAPSHOT_FILE)
            if options.out.suffix in SUFFIXES:
                number = animate(runs, options.out, per_second=options.per_second, title=options.title)
                frames = f"{number} frames, "
            else:
                options.out.parent.mkdir(parents=True, exist_ok=True)
                save_figure(draw_runs(runs, options.title), options.out)
        except (ValueError, OSError) as error:
            raise UserError(str(error)) from error
        print(f"{options.out}: {frames}{plural(len(runs), 'run')}")


if __name__ == "__main__":
    main()
