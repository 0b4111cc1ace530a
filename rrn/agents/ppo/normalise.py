"""Normalise observations and rewards by what was seen so far, as VecNormalize of Stable-Baselines3 does."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

EPSILON = 1e-8  # added to a variance
LIMIT = 10.0  # normalised values are clipped to [-LIMIT, LIMIT]
FIRST_COUNT = 1e-4  # weight of mean 0 and variance 1 at the start


class RunningMoments:
    """Keep the mean and variance of all values so far (Chan et al. 1983, eq. 2.1), in float64 on the CPU.

    Args:
        shape: of one value.
    """

    def __init__(self, shape: Sequence[int] = ()):
        self.mean = torch.zeros(tuple(shape), dtype=torch.float64)
        self.variance = torch.ones(tuple(shape), dtype=torch.float64)
        self.count = FIRST_COUNT

    def update(self, values: Tensor) -> None:
        """Count more values, [B, *shape]."""
        values = values.double()
        number, total = len(values), self.count + len(values)
        variance, mean = torch.var_mean(values, 0, correction=0)
        difference = mean - self.mean
        squares = self.variance * self.count + variance * number + difference**2 * (self.count * number / total)
        self.mean = self.mean + difference * (number / total)
        self.variance, self.count = squares / total, total

    @property
    def scale(self) -> Tensor:
        """Return what values are divided by, [*shape]."""
        return (self.variance + EPSILON).sqrt()

    def state_dict(self) -> dict:
        return {"mean": self.mean, "variance": self.variance, "count": self.count}

    def load_state_dict(self, state: dict) -> None:
        self.mean, self.variance, self.count = state["mean"], state["variance"], state["count"]


def normalised(values: Tensor, moments: RunningMoments) -> Tensor:
    """Return values [..., *shape], less the mean and divided by the standard deviation, clipped; float32."""
    return ((values.double() - moments.mean) / moments.scale).clamp(-LIMIT, LIMIT).float()


def scaled(rewards: Tensor, moments: RunningMoments) -> Tensor:
    """Return rewards [N] divided by the standard deviation of discounted returns, clipped; float32."""
    return (rewards.double() / moments.scale).clamp(-LIMIT, LIMIT).float()
