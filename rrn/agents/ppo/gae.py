"""The advantage of PPO: generalised advantage estimation."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def gae(rewards: Tensor, values: Tensor, dones: Tensor, last_values: Tensor, gamma: float, lam: float) -> Tensor:
    """Compute generalised advantage estimates [T, N] (Schulman et al. 2016, eq. 16).

    Computed by NumPy, which has less overhead than torch for a row of few environments; the bits are the same.

    Args:
        rewards: [T, N] of each step.
        values: [T, N] of the observation before each step.
        dones: [T, N] bool, the episode ended with the step, so that nothing is bootstrapped.
        last_values: [N] of the observation after the last step.
        gamma: discount.
        lam: lambda of the estimate.
    """
    reward, value, not_dones = rewards.numpy(), values.numpy(), (~dones).float().numpy()
    advantages, decay = np.empty_like(reward), gamma * lam
    next_values, advantage = last_values.numpy(), np.zeros_like(reward[0])
    for t in reversed(range(len(reward))):
        not_done = not_dones[t]
        advantage = reward[t] + gamma * next_values * not_done - value[t] + decay * not_done * advantage
        advantages[t], next_values = advantage, value[t]
    return torch.from_numpy(advantages)
