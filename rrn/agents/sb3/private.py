"""Use the private attributes of Stable-Baselines3, all here, and say what happens where one is gone."""

from __future__ import annotations

import numpy as np
import stable_baselines3
from stable_baselines3.common.base_class import BaseAlgorithm

from rrn.common.errors import UserError

TESTED = "2.9.2"  # the version of constraints.txt

# Without one of these a run would learn something else, or would not be resumed exactly: `begin` refuses.
NEEDED = (
    "_total_timesteps",  # length of the run, for the schedules; else only learn() sets it, which plays the whole run
    "_current_progress_remaining",  # where the schedules are, from 1 to 0
    "_last_obs",  # what the next action is chosen for
    "_last_episode_starts",  # which of those observations begin an episode
)
NEEDED_OF_DQN = ("_n_calls",)  # environment steps, by which the target network is updated
# Only logged by stable-baselines3, so left out of a checkpoint where they are gone.
LOGGED = ("_n_updates", "_episode_num")


def begin(model: BaseAlgorithm, steps: int) -> None:
    """Make a model ready to play and learn by its methods, as its learn() does for a run of `steps`.

    Raises:
        UserError: a private attribute is gone.
    """
    needed = NEEDED + (NEEDED_OF_DQN if isinstance(model, stable_baselines3.DQN) else ())
    if gone := [name for name in needed if not hasattr(model, name)]:
        raise UserError(
            f"agent: stable-baselines3 {stable_baselines3.__version__} has no {', '.join(gone)} in "
            f"{type(model).__name__}, by which it is trained and resumed here; install a version that has: "
            f"pip install stable-baselines3=={TESTED}"
        )
    model.learn(0)  # starts the environment, and plays no step
    model._total_timesteps = steps


def progress_left(model: BaseAlgorithm) -> float:
    """Return the share of the run that is left, from 1 to 0, by which the schedules of the model go."""
    return model._current_progress_remaining


def update_progress(model: BaseAlgorithm) -> None:
    """Set the schedules to the steps played so far; DQN does so by itself."""
    model._current_progress_remaining = 1.0 - float(model.num_timesteps) / float(model._total_timesteps)


def counters(model: BaseAlgorithm) -> dict[str, float]:
    """Return the counters of the model, for a checkpoint."""
    names = ["num_timesteps", *LOGGED, "_current_progress_remaining"]
    if isinstance(model, stable_baselines3.DQN):
        names += [*NEEDED_OF_DQN, "exploration_rate"]
    return {name: getattr(model, name) for name in names if hasattr(model, name)}


def set_counters(model: BaseAlgorithm, values: dict[str, float]) -> None:
    """Restore what `counters` returned; counters that this version lacks are left out."""
    for name, value in values.items():
        if hasattr(model, name):
            setattr(model, name, value)


def episode_starts(model: BaseAlgorithm) -> np.ndarray:
    """Return which environments begin an episode with their next step, [N] bool."""
    return model._last_episode_starts.copy()


def continue_from(model: BaseAlgorithm, observations: np.ndarray, starts: np.ndarray) -> None:
    """Set the observations [N, ...] that the next actions are chosen for, and which of them begin an episode [N]."""
    model._last_obs, model._last_episode_starts = observations, starts
