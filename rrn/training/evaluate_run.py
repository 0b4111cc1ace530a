"""Play whole games with the agent of a trained run, print the scores, and write a video of the best game."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from rrn.activations.inspection.best_fit import best_fit
from rrn.activations.inspection.snapshots import read_snapshots
from rrn.activations.rational import Rational, SharedRational
from rrn.activations.sites import named_activations
from rrn.agents.base import NotFinite
from rrn.common.device import pick_device
from rrn.common.errors import UserError
from rrn.common.imports import import_string
from rrn.common.numbers import plural
from rrn.common.threads import set_threads
from rrn.config import EnvConfig
from rrn.envs import Episode, make_envs
from rrn.runs.folder import load_config
from rrn.training.play import play, summary
from rrn.training.trained_agent import load_agent, load_checkpoint

COMMAND = 2  # second part of the key of a game's seed; training has 0, its evaluations 1


def evaluate_run(
    folder: Path,
    *,
    episodes: int,
    epsilon: float | None,
    seed: int,
    num_envs: int,
    checkpoint: str | None,
    video: str | None,
    device: str,
    replace: str | None,
) -> list[Episode]:
    """Play games with the agent of a checkpoint, print the summary, write the video, and return the games.

    Args:
        folder: of the run.
        episodes: whole games to play.
        epsilon: probability of a random action; None: that of the run's own evaluations.
        seed: of the games and the random actions.
        num_envs: parallel environments.
        checkpoint: a file; None: the last one of the run.
        video: a .mp4 or .gif file; "auto": in the run's folder; None: no video.
        device: as `pick_device` takes it.
        replace: "best_fit": replace each rational by the nearest known function; None: play with the agent as it is.

    Raises:
        UserError: there is no run or no checkpoint that fits it, or the video cannot be written.
    """
    config = load_config(folder)
    set_threads(config.threads, config.env.most_threads)  # sums, and so scores, depend on them
    torch_device = pick_device(device)
    epsilon = config.evaluation.epsilon if epsilon is None else epsilon
    path, state = load_checkpoint(folder, config, checkpoint)
    games = make_envs(config.env, min(num_envs, episodes), (seed, COMMAND))
    agent = load_agent(folder, config, games, torch_device, path, state)
    if replace:
        _replace_rationals(agent.network.layers, folder, state["step"])
    print(config.env.protocol())
    print(f"{path.name}: playing {plural(episodes, 'game')} with epsilon {epsilon:g}", flush=True)
    try:
        played = play(agent, games, (seed, COMMAND), epsilon, episodes)
    except NotFinite as error:
        raise UserError(f"{path}: {error.what} of this agent is not finite; take an earlier checkpoint=.") from error
    scores = summary(played)
    print(
        f"mean {scores['mean']:.2f}  median {scores['median']:.2f}  min {scores['min']:g}  max {scores['max']:g}  "
        f"of {plural(int(scores['games']), 'game')}"
    )
    if video:
        best = max(played, key=lambda game: game.score)
        automatic = folder / "videos" / f"{path.stem}_score_{best.score:g}.mp4"
        _write_video(automatic if video == "auto" else Path(video), config.env, best)
    return played


def _write_video(target: Path, env: EnvConfig, game: Episode) -> None:
    if not env.video:
        print(f"no video: {env.name} has no screen of its own")
        return
    try:
        import_string(env.video, "video")(target, env, game)
    except OSError as error:
        raise UserError(f"video={target}: {error.strerror or error}; choose another file.") from error
    print(f"video of the best game: {target}")


def _replace_rationals(layers: nn.Module, folder: Path, step: int) -> None:
    """Replace each rational by the best fitting known function, on the inputs of the last snapshot.

    Delfosse et al. 2021 test trained agents so.
    """
    rationals = [
        (name, module) for name, module in named_activations(layers) if isinstance(module, Rational | SharedRational)
    ]
    if not rationals:
        raise UserError(f"replace=best_fit: the run in {folder} has no rationals; leave it out.")
    try:
        before = [snapshot for snapshot in read_snapshots(folder) if snapshot.step <= step]
    except ValueError as error:
        raise UserError(f"replace=best_fit: {error}") from None
    if not before:
        raise UserError(f"replace=best_fit: {folder} has no snapshot from before step {step}; take a later checkpoint.")
    try:
        fits = [(name, best_fit(module, inputs=before[-1].places[name].inputs)) for name, module in rationals]
    except ValueError as error:
        raise UserError(f"replace=best_fit: {error}") from None
    for name, fit in fits:
        layers.set_submodule(name, fit.as_module())
        print(f"{name} is replaced by {fit.formula}, distance {fit.distance:.3g} ({fit.relative:.2%} of the outputs)")
