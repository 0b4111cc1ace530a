"""Initialise the weights of a network."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from rrn.networks.base import Network


def xavier(network: Network) -> None:
    """Draw weights by Xavier uniform, with gain sqrt(2) and 1 in the last layer; biases keep torch's initial values."""
    last = network.last
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight, gain=1 if module in last else 2**0.5)


@torch.no_grad()
def orthogonal(network: Network, values: int = 1) -> None:
    """Draw orthogonal weights, gain sqrt(2), in the last layer 0.01 for the policy and 1 for the value; biases are 0.

    Args:
        network: on the CPU.
        values: number of its last outputs that are values; the others are those of the policy.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            _orthogonal(module.weight, 2**0.5)
            nn.init.zeros_(module.bias)
    last = cast(Tensor, network.layers.output.weight)
    _orthogonal(last[: network.outputs - values], 0.01)
    _orthogonal(last[network.outputs - values :], 1.0)


def lecun(network: Network) -> None:
    """Draw the weights of hidden layers with variance 1 / inputs, as SELU needs (Klambauer et al. 2017, section 3)."""
    last = network.last
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and module not in last:
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")


def _orthogonal(weight: Tensor, gain: float) -> None:
    """Draw an orthogonal weight in place; torch's own function does not support channels_last."""
    if weight.numel():
        weight.copy_(nn.init.orthogonal_(torch.empty(weight.shape), gain))
