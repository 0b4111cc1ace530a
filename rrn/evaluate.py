"""The command `python -m rrn.evaluate RUN [episodes=10 ...]`: play whole games, print the scores, write a video.

python -m rrn.evaluate runs/Pong/dqn-recurrent_rational/seed0 episodes=10
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rrn.common.console import cli_errors
from rrn.common.errors import UserError, first_line, nearest
from rrn.common.extras import needs

NEEDS = ("python -m rrn.evaluate", "rl")
with cli_errors(), needs(*NEEDS):
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException, ValidationError

    from rrn.config.load import explain_validation_error

if TYPE_CHECKING:
    from rrn.envs import Episode


@dataclass
class Settings:
    """Settings of the command line."""

    episodes: int = 10  # whole games
    epsilon: float | None = None  # probability of a random action; null: that of the run's own evaluations
    seed: int = 0  # of the games and the random actions
    num_envs: int = 8  # parallel environments
    checkpoint: str | None = None  # a file; null: the last one of the run
    video: str | None = "auto"  # a .mp4 or .gif file; auto: in the run's folder; null: none
    device: str = "auto"
    replace: str | None = None  # best_fit: replace each rational by the nearest known function


def main(arguments: list[str]) -> None:
    """Evaluate a run; a user's mistake ends the command with a sentence and exit code 2."""
    with cli_errors():
        evaluate(*parse(arguments))


def parse(arguments: list[str]) -> tuple[Path, Settings]:
    """Read the folder of the run and the settings from the command line.

    Raises:
        UserError: no folder, an unknown setting, or a value that makes no sense.
    """
    folders = [a for a in arguments if "=" not in a or Path(a).is_dir()]
    names = list(Settings.__dataclass_fields__)
    if len(folders) != 1 or folders[0].startswith("-"):
        raise UserError(f"expected: python -m rrn.evaluate RUN [{'=... '.join(names)}=...]")
    settings = OmegaConf.structured(Settings)
    for argument in (a for a in arguments if a not in folders):
        key = argument.partition("=")[0]
        if key not in names:
            raise UserError(f"{key}: no such setting. {nearest(key, names)}")
        try:
            settings = OmegaConf.merge(settings, OmegaConf.from_dotlist([argument]))
        except ValidationError as error:
            raise UserError(f"{key}: {explain_validation_error(error)}") from error
        except OmegaConfBaseException as error:
            raise UserError(f"{argument}: {first_line(error)}.") from error
    for name, least in (("episodes", 1), ("num_envs", 1), ("seed", 0)):
        if settings[name] < least:
            raise UserError(f"{name}: expected {least} or more, got {settings[name]}.")
    if settings.epsilon is not None and not 0 <= settings.epsilon <= 1:
        raise UserError(f"epsilon: expected a number from 0 to 1, got {settings.epsilon}.")
    if settings.replace not in ("best_fit", None):
        raise UserError(f"replace: expected best_fit or null, got {settings.replace}.")
    if settings.video not in ("auto", None) and Path(settings.video).suffix not in (".mp4", ".gif"):
        raise UserError(f"video: expected a name that ends in .mp4 or .gif, got {settings.video}.")
    return Path(folders[0]), cast(Settings, OmegaConf.to_object(settings))


def evaluate(folder: Path, settings: Settings) -> list[Episode]:
    """Play the games, print the summary, write the video, and return the games.

    Raises:
        UserError: there is no run or no checkpoint that fits it, or the video cannot be written.
    """
    with needs(*NEEDS):
        from rrn.training.evaluate_run import evaluate_run  # imports torch, which finding a mistake does not need

    return evaluate_run(folder, **asdict(settings))


if __name__ == "__main__":
    main(sys.argv[1:])
