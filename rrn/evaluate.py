"""The command `python -m rrn.evaluate RUN [RUN ...] [episodes=10 ...]`: play whole games, print scores, show games.

python -m rrn.evaluate runs/Pong/dqn-recurrent_rational/seed0 episodes=10
"""

from __future__ import annotations

import os
import sys
from dataclasses import Field, asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rrn.common.command_line import version
from rrn.common.console import cli_errors
from rrn.common.errors import UserError, nearest
from rrn.common.extras import needs
from rrn.common.files import expand_home
from rrn.common.numbers import parse_int

NEEDS = ("python -m rrn.evaluate", "rl")
with cli_errors(), needs(*NEEDS):
    from rrn.config.help import help_width, setting_lines
    from rrn.config.settings import check_ranges, require, setting

if TYPE_CHECKING:
    from rrn.envs import Episode

USAGE = "python -m rrn.evaluate RUN [RUN ...] [SETTING=VALUE ...]"


@dataclass
class Settings:
    """Settings of the command line."""

    episodes: int = setting(10, at_least=1, at_most=10**6, about="whole games")
    epsilon: float | None = setting(
        None, at_least=0, at_most=1, about="probability of a random action; null: that of the run's own evaluations"
    )
    seed: int = setting(0, at_least=0, at_most=2**32 - 1, about="of the games and the random actions")
    num_envs: int | None = setting(
        None,
        at_least=1,
        at_most=4096,
        about="games that are played in parallel; null: 8, or one that is shown as it is played",
    )
    checkpoint: str | None = setting(None, about="a file; null: the last one of the run")
    deterministic: bool = setting(False, about="take the most probable action of a policy, and none at random")
    video: str | None = setting(
        "auto",
        about="a .mp4 or .gif file for the best game, of several runs side by side; auto: in the run's folder, "
        "without render; null: none",
    )
    render: str | None = setting(
        None, choices=["human"], about="human: show the game in a window as it is played; null: do not"
    )
    device: str = setting("auto", about="auto (a GPU if torch finds one), cpu, cuda or cuda:N")
    replace: str | None = setting(
        None, choices=["best_fit"], about="best_fit: replace each rational by the nearest known function; null: do not"
    )


def main(arguments: list[str]) -> None:
    """Evaluate a run; a user's mistake ends the command with a sentence and exit code 2."""
    with cli_errors():
        if {"-h", "--help"} & set(arguments):
            lines = setting_lines(Settings(), "", help_width())
            print("\n".join([USAGE, "", "Play whole games with the agents of runs.", "", *lines]))
        elif "--version" in arguments:
            print(f"rrn {version()}")
        else:
            evaluate(*parse(arguments))


def parse(arguments: list[str]) -> tuple[list[Path], Settings]:
    """Read the folders of the runs and the settings from the command line.

    Raises:
        UserError: no folder, an unknown setting, or a value that makes no sense.
    """
    folders = [a for a in arguments if "=" not in a or os.path.isdir(a)]
    options = [a for a in folders if a.startswith("-")]
    if options:
        raise UserError(f"{options[0]}: no such option. Expected: {USAGE}; --help lists the settings.")
    if not folders:
        raise UserError(f"expected the folder of a run, got none: {USAGE}; --help lists the settings.")
    entries, settings = {entry.name: entry for entry in fields(Settings)}, Settings()
    for argument in (a for a in arguments if a not in folders):
        key, _, text = argument.partition("=")
        if key not in entries:
            raise UserError(f"{key}: no such setting. {nearest(key, entries)}")
        setattr(settings, key, _read(entries[key], text))
    check_ranges(settings)
    if settings.video not in ("auto", None) and Path(settings.video).suffix not in (".mp4", ".gif"):
        raise UserError(f"video: expected a name that ends in .mp4 or .gif, got {settings.video}.")
    if settings.deterministic and settings.epsilon:
        raise UserError("deterministic=true plays without random actions; leave epsilon out.")
    if settings.checkpoint and len(folders) > 1:
        raise UserError("checkpoint is a file of one run; leave it out for several.")
    return [Path(expand_home("RUN", folder)) for folder in folders], settings


def _read(entry: Field, text: str) -> Any:
    """Read the value of a setting from the command line; "null" or nothing is None.

    Raises:
        UserError: it is not of the kind of this setting.
    """
    kind = str(entry.type).partition(" |")[0]
    expected = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a word"}[kind]
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    if text in ("null", ""):
        if "None" in str(entry.type):
            return None
        raise UserError(f"{entry.name}: expected {expected}, got null.")
    if kind == "str":
        return expand_home(entry.name, text) if text.startswith("~") else text
    if kind == "bool":
        require(text.lower() in ("true", "false"), entry.name, expected, text)
        return text.lower() == "true"
    number = parse_int(text)
    if number is not None:
        return number if kind == "int" else float(number)
    try:
        if kind == "float":
            return float(text)
    except ValueError:
        pass
    raise UserError(f"{entry.name}: expected {expected}, got {text!r}.")


def evaluate(folders: list[Path], settings: Settings) -> list[list[Episode]]:
    """Play the games, print the summaries, show the games, and return those of each run.

    Raises:
        UserError: there is no run or no checkpoint that fits it, or the games cannot be shown.
    """
    with needs(*NEEDS):
        from rrn.training.evaluate_runs import evaluate_runs  # imports torch, which finding a mistake does not need

    return evaluate_runs(folders, **asdict(settings))


if __name__ == "__main__":
    main(sys.argv[1:])
