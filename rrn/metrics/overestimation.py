"""Measure overestimation: compare the values that the agent predicts in an evaluation with the returns that follow."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from rrn.envs import Step
from rrn.metrics.plasticity import returns_after

UNKNOWN = 0.01  # largest weight of the unknown return after a cut-off with which a state counts


class Predictions:
    """Collect predicted values and the discounted returns that followed, of the games of one evaluation that count.

    Source: van Hasselt et al. 2016, section on over-optimism in Atari games. Returns are those of learning: of clipped
    rewards if it clips them, and only to the end of the episode, which may be a lost life. Left out are states whose
    value was not computed because all actions were random, and those so near to where a game was cut off that their
    return is not known to 1 %: gamma^(steps to the cut) > UNKNOWN.

    Args:
        gamma: discount of the agent.
        clip_rewards: clip rewards to [-1, 1].
    """

    def __init__(self, gamma: float, clip_rewards: bool):
        self.gamma, self.clip_rewards = gamma, clip_rewards
        self.steps: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # values, rewards, terminated, each [copies]
        self.begins: dict[int, int] = {}  # copy to the first step of its episode
        self.games: list[tuple[int, int, int]] = []  # episodes that count: copy, first step and the one after the last

    def add(self, values: Tensor | None, step: Step) -> None:
        """Add a step of all copies.

        Args:
            values: predicted values of the observations before it, [copies]; None if they were not computed.
            step: its results.
        """
        known = np.full(len(step.rewards), np.nan) if values is None else values.cpu().numpy()
        rewards = step.rewards.clip(-1, 1) if self.clip_rewards else step.rewards.copy()
        self.steps.append((known, rewards, step.terminated.copy()))

    def end(self, env: int, counts: bool) -> None:
        """End the episode of a copy with the last step that was added; it is in the summary if it `counts`."""
        if counts:
            self.games.append((env, self.begins.get(env, 0), len(self.steps)))
        self.begins[env] = len(self.steps)

    def summary(self) -> dict[str, float]:
        """Return the means of predicted values, returns and their difference; nothing if no state counts."""
        predicted, followed = [np.empty(0)], [np.empty(0)]
        parts = [np.array(part) for part in zip(*self.steps, strict=True)]  # each [steps, copies]
        for env, first, end in self.games:
            values, rewards, terminated = (part[first:end, env] for part in parts)
            returns, unknown = returns_after(rewards, terminated, self.gamma, cut=not terminated[-1])
            counts = (unknown <= UNKNOWN) & ~np.isnan(values)
            predicted.append(values[counts].astype(np.float64))
            followed.append(returns[counts])
        value, following = np.concatenate(predicted), np.concatenate(followed)
        if not len(value):
            return {}
        means = value.mean().item(), following.mean().item()
        return {"predicted_value": means[0], "discounted_return": means[1], "overestimation": means[0] - means[1]}
