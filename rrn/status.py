"""The command `python -m rrn.status [FOLDER]`: show what the runs under a folder are doing, as one table.

python -m rrn.status runs --watch
"""

from __future__ import annotations

import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from rrn.common.command_line import CommandParser
from rrn.common.console import Screen, cli_errors, terminal_size
from rrn.common.errors import UserError
from rrn.common.extras import needs
from rrn.common.foreign_files import find_files
from rrn.common.printable import printable

with cli_errors(), needs("python -m rrn.status", "rl"):
    from rrn.runs.status_file import STATUS_FILE, load_status
    from rrn.runs.table import Row, table


def rows_under(folder: Path) -> tuple[list[Row], list[str]]:
    """Make a row for each run at any depth under a folder, and a sentence for each whose file cannot be read."""
    rows, damaged = [], []
    for path in find_files(folder, [STATUS_FILE]):
        try:
            status = load_status(path.parent)
            rows.append(Row(path.parent, status.state, status.why, status))
        except (OSError, ValueError) as error:
            damaged.append(printable(f"left out: {error}"))
    return rows, damaged


def main(arguments: list[str]) -> None:
    """Print the table once, or with --watch again and again; a user's mistake ends the command with exit code 2."""
    parser = CommandParser("python -m rrn.status", "What the runs under a folder are doing.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("runs"), help="with runs in it (default: runs)")
    parser.add_argument("--watch", action="store_true", help="refresh until Ctrl-C")
    args = parser.parse_args(arguments)
    with cli_errors():
        if not args.folder.is_dir():
            raise UserError(f"{args.folder}: no such folder; give one with runs in it.")
        if not args.watch:
            rows, damaged = rows_under(args.folder)
            print("\n".join([*table(rows, terminal_size(sys.stdout)[0]), *damaged]))
            return
        screen = Screen(sys.stdout)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # Ctrl-C is the end that --watch is to have
        with suppress(KeyboardInterrupt):
            while True:
                screen.draw(table(rows_under(args.folder)[0], *terminal_size(sys.stdout)))
                time.sleep(2 if screen.live else 60)


if __name__ == "__main__":
    main(sys.argv[1:])
