"""The targets of PQN: lambda returns of Q-learning."""

from __future__ import annotations

import torch
from torch import Tensor


def lambda_returns(
    rewards: Tensor, values: Tensor, dones: Tensor, last_values: Tensor, gamma: float, lam: float
) -> Tensor:
    """Compute lambda returns R [T, N] (Gallici et al. 2024, section 4.3), from the last step to the first.

    R_t = r_t + gamma (lam R_{t+1} + (1 - lam) max_a Q(s_{t+1}, a)), with R_T = max_a Q(s_T, a) after the last step.

    Args:
        rewards: [T, N] of each step.
        values: [T, N] largest Q-value of the observation before each step.
        dones: [T, N] bool, the episode ended with the step, so that nothing is bootstrapped.
        last_values: [N] largest Q-value of the observation after the last step.
        gamma: discount.
        lam: lambda; 0 for one-step targets, 1 for the discounted sum of all rewards of the rollout.
    """
    returns = torch.empty_like(rewards)
    following = next_values = last_values
    for t in reversed(range(len(rewards))):
        following = rewards[t] + gamma * (lam * following + (1 - lam) * next_values) * ~dones[t]
        returns[t], next_values = following, values[t]
    return returns
