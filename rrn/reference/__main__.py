"""The command `python -m rrn.reference`: show the paper's scores and protocol, import the authors' curves."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

from rrn.common.command_line import CommandParser
from rrn.common.console import cli_errors
from rrn.common.errors import UserError, nearest
from rrn.common.extras import needs
from rrn.common.numbers import plural
from rrn.reference.atari100k import STEPS, agents_on, atari100k, atari100k_games
from rrn.reference.scores import human_and_random, human_normalised, published
from rrn.reference.tables import games
from rrn.stats import STATISTICS


def main(arguments: list[str]) -> None:
    """Run one of the commands; a user's mistake ends it with a sentence and exit code 2."""
    parser = CommandParser("python -m rrn.reference", "What the paper, and others on Atari-100k, have published.")
    commands = parser.add_subparsers(dest="command")
    scores = commands.add_parser("scores", help="the published scores of a game")
    scores.add_argument("game", help="such as Pong")
    data_efficient = commands.add_parser("atari100k", help="scores on Atari-100k over several games")
    data_efficient.add_argument("games", nargs="*", help="such as Pong Breakout; all 26 if left out")
    protocol = commands.add_parser("protocol", help="the authors' settings beside ours under experiment=paper")
    protocol.add_argument("game", nargs="?", help="such as Pong; all 15 in short if left out")
    importing = commands.add_parser("import", help="make one table of the authors' score files")
    importing.add_argument("folder", type=Path, help="a copy of the authors' repository, ml-research/rational_rl")
    importing.add_argument("--out", type=Path, default=Path("paper_curves.csv.gz"), help="default: %(default)s")
    args = parser.parse_args(arguments)
    with cli_errors():
        if args.command == "scores":
            human_and_random(args.game)  # or an error
            tables = [score_table(args.game)] if args.game in games() else []
            tables += [atari100k_table(args.game)] if args.game in atari100k_games() else []
            print("\n\n".join(tables))
        elif args.command == "atari100k":
            print(over_games_table(args.games or atari100k_games()))
        elif args.command == "protocol":
            with needs("python -m rrn.reference protocol", "rl"):
                from rrn.reference.protocol import report, report_all  # imports Hydra, which the others do not need

            print(report(args.game) if args.game else report_all())
        elif args.command == "import":
            import_command(args.folder, args.out)
        else:
            parser.print_help()


def score_table(game: str) -> str:
    """Write the paper's scores of one of its games as a table."""
    human, random = human_and_random(game)
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
    lines += ["", f"human {human:g}, random play {random:g}: the usual table of the field"]
    return "\n".join(lines)


def atari100k_table(game: str) -> str:
    """Write the scores that others published of one of the games of Atari-100k as a table."""
    human, random = human_and_random(game)
    lines = [f"{game}, mean over seeds after {STEPS:,} agent steps (Atari-100k)", ""]
    lines.append(f"{'agent':<26}{'mean':>9}{'human = 1':>11}{'source':>8}")
    agents = agents_on([game])
    sources = list(dict.fromkeys(agent.source for agent in agents))
    for agent in agents:
        score, number = agent.means[game], f"[{sources.index(agent.source) + 1}]"
        lines.append(f"{agent.agent:<26}{score:>9g}{human_normalised(game, score):>11.3f}{number:>8}")
    lines += ["", f"human {human:g}, random play {random:g}: the usual table of the field", ""]
    for index, source in enumerate(sources, 1):
        lines += wrap(f"[{index}] {source}", 80, subsequent_indent="    ", break_long_words=False)
    return "\n".join(lines)


def over_games_table(names: Sequence[str]) -> str:
    """Write human-normalised aggregates of the published mean scores over games of Atari-100k.

    Raises:
        UserError: one of them is none of its games.
    """
    known, names = atari100k_games(), list(dict.fromkeys(names))
    for name in names:
        if name not in known:
            hint = nearest(name, known, f"They are {', '.join(known)}.")
            raise UserError(f"{name}: expected one of the games of Atari-100k. {hint}")
    lines = [f"Mean scores after {STEPS:,} agent steps, human-normalised, over {plural(len(names), 'game')}", ""]
    lines.append(f"{'agent':<26}" + "".join(f"{name:>{len(name) + 5}}" for name in STATISTICS))
    for agent in agents_on(names):
        numbers = agent.over_games(names).items()
        lines.append(f"{agent.agent:<26}" + "".join(f"{value:>{len(name) + 5}.3f}" for name, value in numbers))
    lines += ["", "The scores of single runs are not published, so the interquartile mean is one of"]
    lines += ["games, not of runs, the optimality gap is smaller than that of runs, and no"]
    lines += ["interval can be given."]
    without = [agent.agent for agent in atari100k() if not agent.means.keys() >= set(names)]
    lines += [f"Without a score on one of the games: {', '.join(without)}."] if without else []
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
