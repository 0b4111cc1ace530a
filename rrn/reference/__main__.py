"""The command `python -m rrn.reference`: show the paper's scores and protocol, import the authors' curves."""

from __future__ import annotations

import sys
from pathlib import Path

from rrn.common.command_line import CommandParser
from rrn.common.console import cli_errors
from rrn.common.extras import needs
from rrn.reference.scores import baselines, human_normalised, published


def main(arguments: list[str]) -> None:
    """Run one of the commands; a user's mistake ends it with a sentence and exit code 2."""
    parser = CommandParser("python -m rrn.reference", "What the paper has published.")
    commands = parser.add_subparsers(dest="command")
    scores = commands.add_parser("scores", help="the published scores of a game")
    scores.add_argument("game", help="such as Pong")
    protocol = commands.add_parser("protocol", help="the authors' settings beside ours under experiment=paper")
    protocol.add_argument("game", nargs="?", help="such as Pong; all 15 in short if left out")
    importing = commands.add_parser("import", help="make one table of the authors' score files")
    importing.add_argument("folder", type=Path, help="a copy of the authors' repository, ml-research/rational_rl")
    importing.add_argument("--out", type=Path, default=Path("paper_curves.csv.gz"), help="default: %(default)s")
    args = parser.parse_args(arguments)
    with cli_errors():
        if args.command == "scores":
            print(score_table(args.game))
        elif args.command == "protocol":
            with needs("python -m rrn.reference protocol", "rl"):
                from rrn.reference.protocol import report, report_all  # imports Hydra, which the others do not need

            print(report(args.game) if args.game else report_all())
        elif args.command == "import":
            import_command(args.folder, args.out)
        else:
            parser.print_help()


def score_table(game: str) -> str:
    """Write the published scores of a game as a table.

    Raises:
        UserError: it is none of the paper's games.
    """
    base = baselines(game)
    lines = [f"{game}, mean and standard deviation over seeds of the last evaluation", ""]
    lines.append(f"{'agent':<6}{'act':<30}{'mean':>9}{'std':>8}{'human = 1':>11}{'seeds':>6}{'epochs':>9}")
    for entry in published():
        if entry.game == game:
            epochs = str(entry.epochs) if entry.first_epochs == entry.epochs else f"{entry.first_epochs}-{entry.epochs}"
            normalised = human_normalised(game, entry.mean)
            lines.append(
                f"{entry.agent:<6}{entry.act:<30}{entry.mean:>9g}{entry.std:>8g}{normalised:>11.3f}"
                f"{entry.seeds:>6}{epochs:>9}"
            )
    lines += ["", f"human {base.human:g}, random play {base.random:g}: the usual table of the field"]
    return "\n".join(lines)


def import_command(folder: Path, target: Path) -> None:
    """Write the table of the authors' curves, and print which files were left out of it and why.

    Raises:
        UserError: the folder has none of the authors' score files, or the table cannot be written.
    """
    from rrn.reference.import_scores import import_scores, write_table

    runs, left_out = import_scores(folder)
    rows = write_table(runs, target)
    print(f"{target}: {rows:,} evaluations of {len(runs)} runs")
    reasons = dict.fromkeys(reason for _, reason in left_out)
    for reason in reasons:
        paths = [path for path, why in left_out if why == reason]
        print(f"left out, {reason} ({len(paths)}):")
        print("\n".join(f"  {path.relative_to(folder)}" for path in paths))


if __name__ == "__main__":
    main(sys.argv[1:])
