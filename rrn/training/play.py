"""Play whole games with a fixed agent and summarise their scores."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from rrn.agents.base import Agent
from rrn.common.numbers import plural, score_text
from rrn.common.seeding import derive_seed
from rrn.envs import Episode, Step, VectorEnv
from rrn.metrics.overestimation import Predictions


def play_steps(
    agent: Agent, games: VectorEnv, seeds: Sequence[int], epsilon: float
) -> Iterator[tuple[Tensor | None, Step]]:
    """Reset the games and play them for ever, each step when it is asked for.

    Args:
        agent: plays, without learning.
        games: environments to play in.
        seeds: key of the episodes and of the agent's random numbers.
        epsilon: probability of a random action.

    Yields:
        The values [N] that the agent estimated, None if all actions were random, and the step.
    """
    generator = torch.Generator().manual_seed(derive_seed(*seeds))
    observations = games.reset(seeds)
    while True:
        actions, values = agent.act_with_values(observations, epsilon, generator)
        step = games.step(actions)
        observations = step.observations
        yield values, step


def play(
    agent: Agent,
    games: VectorEnv,
    seeds: tuple[int, ...],
    epsilon: float,
    episodes: int | None = None,
    steps: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    predictions: Predictions | None = None,
) -> list[Episode] | None:
    """Play whole episodes and return them in the order in which they end; None if `stop` returned True.

    The result depends on the seeds and the agent alone.

    Args:
        agent: plays, without learning.
        games: environments to play in; they are reset first.
        seeds: key of the episodes and of the agent's random numbers.
        epsilon: probability of a random action.
        episodes: how many to play. Each copy plays its share and no more, so that short episodes do not count more
            often than long ones.
        steps: in place of `episodes`: play the episodes that end within so many agent steps of each copy, but at least
            one, as the paper does.
        stop: asked at each step whether to end early.
        predictions: gets the values that the agent estimated at each step, and the rewards; it changes no episode.
    """
    steps_of_games = play_steps(agent, games, seeds, epsilon)
    shares = [0] * games.num_envs
    if episodes is not None:
        shares = [len(range(env, episodes, games.num_envs)) for env in range(games.num_envs)]
    finished: list[Episode] = []
    taken = 0
    while True:
        if stop():
            return None
        values, step = next(steps_of_games)
        taken += 1
        if predictions is not None:
            predictions.add(values, step)
        for game in step.episodes:
            counts = episodes is None or shares[game.env] > 0
            if counts:
                shares[game.env] -= 1
                finished.append(game)
            if predictions is not None:
                predictions.end(game.env, counts)
        enough = all(share <= 0 for share in shares) if episodes is not None else finished and taken >= (steps or 0)
        if enough:
            return finished


def summary(games: list[Episode]) -> dict[str, float]:
    """Summarise scores: mean, median, minimum, maximum and number of episodes."""
    scores = [game.score for game in games]
    return {
        "mean": statistics.fmean(scores),
        "median": statistics.median(scores),
        "min": min(scores),
        "max": max(scores),
        "games": len(scores),
    }


def scores_text(scores: dict[str, float]) -> str:
    """Return the scores of an evaluation in words: those of `summary`, or those that a learner measures itself."""
    if "games" not in scores:
        return ", ".join(f"{name} {value:.2f}" for name, value in scores.items())
    return (
        f"mean {scores['mean']:.2f}, median {scores['median']:.2f}, min {score_text(scores['min'])}, "
        f"max {score_text(scores['max'])} of {plural(int(scores['games']), 'game')}"
    )
