"""Measure plasticity, how well a network can still learn: each measure with its definition and source.

These are pure functions of tensors and arrays. recorder.py and overestimation.py collect their arguments;
docs/plasticity.md has the names in the log.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from rrn.activations.inspection.histogram import Histogram
from rrn.activations.inspection.sources import values

DORMANT = 0.025  # largest score of a dormant unit; tau in Sokar et al. 2023
RANK_DELTA = 0.01  # share of the singular values that the effective rank leaves out (Kumar et al. 2021)


def mean_activity(outputs: Tensor) -> Tensor:
    """Compute the mean of |h| of each unit, [units], over the outputs of a layer, [N, units] or [N, channels, H, W].

    A channel of a convolution is one unit, so its mean goes over the positions too (Sokar et al. 2023, section 3).
    """
    return outputs.abs().mean(dim=[0, *range(2, outputs.dim())])


def dormant(activity: Tensor, tau: float = DORMANT) -> Tensor:
    """Find the dormant units of a layer, [units] bool (Sokar et al. 2023, definition 3.1).

    The score of a unit is its mean of |h|, divided by the mean of that over the units of its layer; a unit with a
    score of at most tau is dormant. In a layer without any activity all units are.

    Args:
        activity: mean of |h| of each unit, [units].
        tau: largest score of a dormant unit.
    """
    return activity <= tau * activity.mean()


def effective_rank(features: Tensor, delta: float = RANK_DELTA) -> float:
    """Compute the effective rank of features: the smallest k whose k largest singular values make up 1 - delta of all.

    Source: Kumar et al. 2021, section 3, srank. It is 0 if all singular values are 0, NaN if a feature is not finite.
    The singular values are the roots of the eigenvalues of the smaller Gram matrix. In float64 that loses values below
    1e-8 of the largest one, far less than delta, and takes a fraction of the time of a decomposition of the features.

    Args:
        features: [N, units], a row for each observation; the rank is N at most.
        delta: share of the sum of the singular values that is left out.
    """
    features = features.double().cpu()
    if not features.isfinite().all():
        return float("nan")
    gram = features.T @ features if len(features) > features.shape[1] else features @ features.T
    sizes = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt().flip(0)
    reached = sizes.cumsum(0)
    if reached[-1] == 0:
        return 0.0
    return (reached < (1 - delta) * reached[-1]).sum().item() + 1.0


def norm(tensors: Iterable[Tensor]) -> float:
    """Compute the Frobenius norm of several tensors together, such as weight and bias of a layer."""
    return nn.utils.get_total_norm(list(tensors)).item()


def moved(before: nn.Module, now: nn.Module, inputs: Histogram) -> float:
    """Measure how far an activation moved: RMS difference of its outputs over the inputs.

    sqrt(sum_b c_b (now(x_b) - before(x_b))^2 / sum_b c_b), with the counts c_b and the centres x_b of the bins, and the
    mean over the rows of coefficients if there are several. rrn/activations/inspection/best_fit.py has the same
    distance, to known functions. Inputs outside the histogram's range are left out.

    Args:
        before, now: the activation at two times.
        inputs: histogram of its inputs now, with counts within its range.
    """
    difference = values(now, inputs.centres) - values(before, inputs.centres)  # [bins, rows]
    return float(np.sqrt(np.average(np.square(difference).mean(axis=1), weights=inputs.counts)))


def returns_after(
    rewards: np.ndarray, terminated: np.ndarray, gamma: float, cut: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the discounted return after each state of one game, [T], and how much of it is unknown, [T].

    G_t = r_t + gamma G_(t+1) up to the end of the episode (Sutton and Barto 2018, section 3.3). If the game was cut off
    in an episode, the return after the cut is unknown; it has the weight gamma^(steps to the cut), the second result,
    which is 0 in episodes that ended.

    Args:
        rewards: [T], clipped if learning clips them.
        terminated: [T] bool, an episode ended with the step; there can be several in one game.
        gamma: discount.
        cut: the game was cut off at its last step.
    """
    following, unknown = np.zeros(len(rewards)), np.zeros(len(rewards))
    total, still_open = 0.0, float(cut)
    steps = zip(rewards.tolist(), terminated.tolist(), strict=True)
    for t, (reward, ended) in reversed(list(enumerate(steps))):
        total, still_open = (reward, 0.0) if ended else (reward + gamma * total, gamma * still_open)
        following[t], unknown[t] = total, still_open
    return following, unknown
