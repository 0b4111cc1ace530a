"""The advantage of PPO: generalised advantage estimation."""

from __future__ import annotations

import torch
from torch import Tensor


def gae(rewards: Tensor, values: Tensor, dones: Tensor, last_values: Tensor, gamma: float, lam: float) -> Tensor:
    """Generalised advantage estimates [T, N] (Schulman et al. 2016, eq. 16).

    Args:
        rewards: [T, N] of each step.
        values: [T, N] of the observation before each step.
        dones: [T, N] bool, whether an episode ended with the step, so that nothing follows it.
        last_values: [N] of the observation after the last step.
        gamma, lam: the discount, and lambda of the estimate.
    """
    result = torch.empty_like(rewards)
    following, later = last_values, torch.zeros_like(last_values)
    for t in reversed(range(len(rewards))):
        goes_on = (~dones[t]).float()
        later = rewards[t] + gamma * following * goes_on - values[t] + gamma * lam * goes_on * later
        result[t], following = later, values[t]
    return result
