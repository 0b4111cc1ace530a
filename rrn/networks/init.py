"""Initialise the weights of a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rrn.networks.base import Network


def xavier(network: Network) -> None:
    """Draw weights by Xavier uniform, with gain sqrt(2) and 1 in the last layer; biases keep torch's initial values."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            last = module is network.layers.output
            nn.init.xavier_uniform_(module.weight, gain=1 if last else 2**0.5)


@torch.no_grad()
def orthogonal(network: Network) -> None:
    """Draw orthogonal weights, gain sqrt(2), 0.01 for the policy, 1 for the value (the last output); biases are 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            _orthogonal(module.weight, 2**0.5)
            nn.init.zeros_(module.bias)
    policy, value = network.layers.output.weight.split([network.outputs - 1, 1])
    _orthogonal(policy, 0.01)
    _orthogonal(value, 1.0)


def lecun(network: Network) -> None:
    """Draw the weights of hidden layers with variance 1 / inputs, as SELU needs (Klambauer et al. 2017, section 3)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and module is not network.layers.output:
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")


def _orthogonal(weight: Tensor, gain: float) -> None:
    """Draw an orthogonal weight in place; torch's own function does not support channels_last."""
    weight.copy_(nn.init.orthogonal_(torch.empty(weight.shape), gain))
