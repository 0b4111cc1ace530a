"""Find out whether an environment can be replayed exactly, and what Gymnasium's checker says about it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils.env_checker import check_env

from rrn.common.errors import first_line
from rrn.envs.gym_spaces import actions_of

SEEDS = (1, 2)  # of the episodes of a probe
STEPS = 40  # of each


def probe(make: Callable[[], gymnasium.Env], own: bool) -> tuple[str | None, list[str]]:
    """Play two episodes in two copies, in the other order in the second one, and compare what they show.

    A copy whose episode depends on the clock, on random numbers without the seed, or on earlier episodes is found so,
    if it does within the first steps.

    Args:
        make: makes a copy.
        own: the environment is not one of Gymnasium's, and its checker is run too.

    Returns:
        What differs, such as "rewards", None if all is equal; and the warnings of the checker, one line each.
    """
    first, second = make(), make()
    try:
        once = {seed: _play(first, seed) for seed in SEEDS}
        again = {seed: _play(second, seed) for seed in reversed(SEEDS)}
    finally:
        first.close()
        second.close()
    names = ("observations", "rewards", "ends of episodes")
    differs = [name for k, name in enumerate(names) if any(not _equal(once[seed][k], again[seed][k]) for seed in SEEDS)]
    return (differs[0] if differs else None), _checker_warnings(make) if own else []


def _play(env: gymnasium.Env, seed: int) -> tuple[list, list, list]:
    """Play an episode with random actions that follow from its seed, up to STEPS steps; what it showed."""
    space, to_env = actions_of(env.action_space, "the environment")
    draws = np.random.default_rng(seed)
    observation, _ = env.reset(seed=seed)
    observations, rewards, ends = [np.array(observation)], [], []
    for _ in range(STEPS):
        action = to_env(space.check(_draw(space, draws), 1))[0]
        observation, reward, terminated, truncated, _ = env.step(action)
        observations.append(np.array(observation))
        rewards.append(float(reward))
        ends.append((bool(terminated), bool(truncated)))
        if terminated or truncated:
            break
    return observations, rewards, ends


def _draw(space: Any, draws: np.random.Generator) -> np.ndarray:
    """Draw one action [1, *shape], without torch's generators, which the run's own numbers come from."""
    if space.kind == "Box":
        return draws.standard_normal((1, *space.shape))
    return draws.integers(0, getattr(space, "sizes", None) or space.n, size=(1, *space.shape))


def _equal(one: list, other: list) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def _checker_warnings(make: Callable[[], gymnasium.Env]) -> list[str]:
    """Return what `gymnasium.utils.env_checker.check_env` says, one line each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            check_env(make().unwrapped, skip_render_check=True, skip_close_check=True)
            raised = []
        except Exception as error:
            raised = [first_line(error)]
    said = [first_line(warning.message) for warning in caught if isinstance(warning.message, Warning)]
    plain = [re.sub(r"\x1b\[[0-9;]*m|^WARN: ", "", text) for text in said]
    return list(dict.fromkeys(re.sub(r"^WARN: ", "", text).strip() for text in [*plain, *raised]))
