"""The command `python -m rrn.evaluate RUN [episodes=10 ...]`: play whole games, print the scores, keep a video.

python -m rrn.evaluate runs/Pong/dqn-recurrent_rational/seed0 episodes=10
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from rrn.common.console import cli_errors
from rrn.common.errors import UserError, first_line, nearest
from rrn.common.extras import needs

with cli_errors(), needs("python -m rrn.evaluate", "rl"):
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException, ValidationError
    from torch import nn

    from rrn.activations.inspection.best_fit import best_fit
    from rrn.activations.inspection.snapshots import read_snapshots
    from rrn.activations.rational import Rational, SharedRational
    from rrn.activations.sites import named_activations
    from rrn.agents import make_agent
    from rrn.agents.base import NotFinite
    from rrn.common.device import pick_device
    from rrn.common.imports import import_string
    from rrn.common.threads import set_threads
    from rrn.config.load import explain_validation_error
    from rrn.envs import Episode, make_envs
    from rrn.runs import checkpoint
    from rrn.runs.checkpoint_checks import check_form, check_identity
    from rrn.runs.folder import load_config, read_run_id
    from rrn.training.evaluation import play, summary

COMMAND = 2  # second part of the key of a game's seed; training has 0, its evaluations 1


@dataclass
class Settings:
    """What can be set on the command line."""

    episodes: int = 10  # whole games
    epsilon: float | None = None  # probability of a random action; null: that of the run's own evaluations
    seed: int = 0  # of the games and the random actions
    num_envs: int = 8  # games at a time
    checkpoint: str | None = None  # a file; null: the last one of the run
    video: str | None = "auto"  # a .mp4 or .gif file; auto: in the run's folder; null: none
    device: str = "auto"
    replace: str | None = None  # best_fit: play with the known function nearest to each rational instead of it


def main(arguments: list[str]) -> None:
    """Evaluate as the command line says; a user's mistake ends with a sentence and exit code 2."""
    with cli_errors():
        evaluate(*parse(arguments))


def parse(arguments: list[str]) -> tuple[Path, Settings]:
    """The run's folder and the settings.

    Raises:
        UserError: no folder, an unknown setting, or a value of the wrong type.
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
    """Play the games, print the summary and write the video; the games played."""
    config = load_config(folder)
    set_threads(config.threads, config.env.most_threads)  # sums, and so scores, depend on them
    device = pick_device(settings.device)
    epsilon = config.evaluation.epsilon if settings.epsilon is None else settings.epsilon
    if settings.checkpoint:
        path = Path(settings.checkpoint)
        if not path.is_file():
            raise UserError(f"checkpoint={path}: there is no such file.")
        state = checkpoint.load(path)
    else:
        path, state = checkpoint.load_last(folder / "checkpoints") or (None, None)
        if path is None:
            raise UserError(f"{folder}: no checkpoint yet; one comes every {config.checkpoint.every} steps.")
    check_identity(path, state, config, read_run_id(folder))
    copies = min(settings.num_envs, settings.episodes)
    games = make_envs(config.env, copies, (settings.seed, COMMAND))
    agent = make_agent(config, games, device)
    check_form(path, state, {"step": 0, "agent": agent.state_dict()})
    try:
        agent.load_state_dict(state["agent"])
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{path}: this checkpoint is not of a run with the settings in {folder}.") from error
    if settings.replace:
        _replace_rationals(agent.network.layers, folder, state["step"])
    print(config.env.protocol())
    print(f"{path.name}: playing {settings.episodes} games with epsilon {epsilon:g}", flush=True)
    try:
        played = play(agent, games, (settings.seed, COMMAND), epsilon, settings.episodes)
    except NotFinite as error:
        raise UserError(f"{path}: {error.what} of this agent is not finite; take an earlier checkpoint=.") from error
    scores = summary(played)
    print(
        f"mean {scores['mean']:.2f}  median {scores['median']:.2f}  min {scores['min']:g}  max {scores['max']:g}  "
        f"of {scores['games']} games"
    )
    if settings.video:
        best = max(played, key=lambda game: game.score)
        target = Path(settings.video)
        if settings.video == "auto":
            target = folder / "videos" / f"{path.stem}_score_{best.score:g}.mp4"
        if config.env.video:
            try:
                import_string(config.env.video, "video")(target, config.env, best)
            except OSError as error:
                raise UserError(f"video={target}: {error.strerror or error}; choose another file.") from error
            print(f"video of the best game: {target}")
        else:
            print(f"no video: {config.env.name} has no screen of its own")
    return played


def _replace_rationals(layers: nn.Module, folder: Path, step: int) -> None:
    """Put the best fitting known function in the place of each rational, on the inputs of the last snapshot.

    As in Delfosse et al. 2021, where a trained agent is tested with such functions in place of its rationals.
    """
    rationals = [
        (name, module) for name, module in named_activations(layers) if isinstance(module, Rational | SharedRational)
    ]
    if not rationals:
        raise UserError(f"replace=best_fit: the run in {folder} has no rationals; leave it out.")
    try:
        before = [one for one in read_snapshots(folder) if one.step <= step]
    except ValueError as error:
        raise UserError(f"replace=best_fit: {error}") from None
    if not before:
        raise UserError(f"replace=best_fit: {folder} has no snapshot from before step {step}; take a later checkpoint.")
    try:
        found = [(name, best_fit(module, inputs=before[-1].places[name].inputs)) for name, module in rationals]
    except ValueError as error:
        raise UserError(f"replace=best_fit: {error}") from None
    for name, fit in found:
        setattr(layers, name, fit.as_module())
        print(f"{name} is replaced by {fit.formula}, distance {fit.distance:.3g} ({fit.relative:.2%} of the outputs)")


if __name__ == "__main__":
    main(sys.argv[1:])
