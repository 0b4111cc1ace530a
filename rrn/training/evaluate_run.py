"""Play whole games with the agent of a trained run, and print the scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from rrn.activations.inspection.best_fit import best_fit
from rrn.activations.inspection.snapshots import read_snapshots
from rrn.activations.rational import Rational, SharedRational
from rrn.activations.sites import named_activations
from rrn.agents.base import NotFinite
from rrn.common.device import pick_device
from rrn.common.errors import UserError
from rrn.common.numbers import plural, score_text
from rrn.common.threads import set_threads
from rrn.config import EnvConfig
from rrn.envs import Episode, make_envs
from rrn.runs.folder import load_config
from rrn.training.play import play, summary
from rrn.training.shown_play import play_shown
from rrn.training.trained_agent import load_agent, load_checkpoint

COMMAND = 2  # second part of the key of a game's seed; training has 0, its evaluations 1


@dataclass
class Evaluated:
    """Hold the games that the agent of a run has played."""

    folder: Path  # of the run
    checkpoint: Path
    env: EnvConfig
    games: list[Episode]

    @property
    def best(self) -> Episode:
        """Return the game with the highest score."""
        return max(self.games, key=lambda game: game.score)


def evaluate_run(
    folder: Path,
    *,
    episodes: int,
    epsilon: float | None,
    seed: int,
    num_envs: int,
    checkpoint: str | None,
    device: str,
    replace: str | None,
    deterministic: bool,
    live: bool,
) -> Evaluated:
    """Play games with the agent of a checkpoint, print the summary, and return the games.

    Args:
        folder: of the run.
        episodes: whole games to play.
        epsilon: probability of a random action; None: that of the run's own evaluations.
        seed: of the games and the random actions.
        num_envs: parallel environments.
        checkpoint: a file; None: the last one of the run.
        device: as `pick_device` takes it.
        replace: "best_fit": replace each rational by the nearest known function; None: play with the agent as it is.
        deterministic: take the most probable action of a policy, and no random ones.
        live: show the games in a window while they are played, in one environment; those that end before the window
            is closed count.

    Raises:
        UserError: there is no run or no checkpoint that fits it.
    """
    config = load_config(folder)
    set_threads(config.threads, config.env.most_threads)  # sums, and so scores, depend on them
    torch_device = pick_device(device)
    if deterministic:
        epsilon = 0.0
    elif epsilon is None:
        epsilon = config.evaluation.epsilon
    path, state = load_checkpoint(folder, config, checkpoint)
    games = make_envs(config.env, min(num_envs, episodes), (seed, COMMAND))
    games.at_step(state["step"])
    agent = load_agent(folder, config, games, torch_device, path, state)
    agent.deterministic = deterministic
    if replace:
        _replace_rationals(agent.network.layers, folder, state["step"])
    print(config.env.protocol())
    how = "deterministic actions" if deterministic else f"epsilon {epsilon:g}"
    print(f"{path.name}: playing {plural(episodes, 'game')} with {how}", flush=True)
    try:
        if live:
            played = play_shown(agent, config.env, games, (seed, COMMAND), epsilon, episodes)
        else:
            played = play(agent, games, (seed, COMMAND), epsilon, episodes) or []
    except NotFinite as error:
        raise UserError(f"{path}: {error.what} of this agent is not finite; take an earlier checkpoint=.") from error
    if played:
        scores = summary(played)
        print(
            f"mean {scores['mean']:.2f}  median {scores['median']:.2f}  min {score_text(scores['min'])}  "
            f"max {score_text(scores['max'])}  of {plural(int(scores['games']), 'game')}"
        )
    return Evaluated(folder, path, config.env, played)


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
