"""The advantage of PPO: generalised advantage estimation."""

from __future__ import annotations

import torch
from torch import Tensor


def gae(rewards: Tensor, values: Tensor, dones: Tensor, last_values: Tensor, gamma: float, lam: float) -> Tensor:
    """Compute generalised advantage estimates [T, N] (Schulman et al. 2016, eq. 16).

    Args:
        rewards: [T, N] of each step.
        values: [T, N] of the observation before each step.
        dones: [T, N] bool, the episode ended with the step, so that nothing is bootstrapped.
        last_values: [N] of the observation after the last step.
        gamma: discount.
        lam: lambda of the estimate.
    """
    advantages = torch.empty_like(rewards)
    next_values, advantage = last_values, torch.zeros_like(last_values)
    for t in reversed(range(len(rewards))):
        not_done = (~dones[t]).float()
        advantage = rewards[t] + gamma * next_values * not_done - values[t] + gamma * lam * not_done * advantage
        advantages[t], next_values = advantage, values[t]
    return advantages
