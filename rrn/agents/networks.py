"""Q-networks with an activation at each hidden layer, as in the DQN paper (Mnih et al. 2015, methods)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

CONVOLUTIONS = ((32, 8, 4), (64, 4, 2), (64, 3, 1))  # channels, kernel, stride
ATARI_WIDTHS = (*(width for width, _, _ in CONVOLUTIONS), 512)  # channels or units at each place
VECTOR_WIDTHS = (128, 128)


class AtariNetwork(nn.Module):
    """Three convolutions and a hidden layer of 512; [N, stack, size, size] uint8 to Q-values [N, actions]."""

    def __init__(self, frame_shape: Sequence[int], stack: int, num_actions: int, activations: Sequence[nn.Module]):
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        channels, size = stack, frame_shape[0]
        for i, ((width, kernel, stride), act) in enumerate(zip(CONVOLUTIONS, activations[:-1], strict=True), 1):
            layers[f"conv{i}"] = nn.Conv2d(channels, width, kernel, stride)
            layers[f"act{i}"] = act
            channels, size = width * expansion(act), (size - kernel) // stride + 1
        layers["flatten"] = nn.Flatten()
        layers["hidden"] = nn.Linear(channels * size * size, ATARI_WIDTHS[-1])
        layers["act4"] = activations[-1]
        layers["output"] = nn.Linear(ATARI_WIDTHS[-1] * expansion(activations[-1]), num_actions)
        self.layers = nn.Sequential(layers)
        initialise(self)
        self.to(memory_format=torch.channels_last)  # the faster layout on a CPU

    def forward(self, observations: Tensor) -> Tensor:
        x = observations.to(torch.float32, memory_format=torch.channels_last)
        return self.layers(x / 255)


class VectorNetwork(nn.Module):
    """Two hidden layers of 128; [N, 1, features] float32 to Q-values [N, actions]."""

    def __init__(self, frame_shape: Sequence[int], stack: int, num_actions: int, activations: Sequence[nn.Module]):
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
        width = stack * frame_shape[0]
        for i, (units, act) in enumerate(zip(VECTOR_WIDTHS, activations, strict=True), 1):
            layers[f"hidden{i}"] = nn.Linear(width, units)
            layers[f"act{i}"] = act
            width = units * expansion(act)
        layers["output"] = nn.Linear(width, num_actions)
        self.layers = nn.Sequential(layers)
        initialise(self)

    def forward(self, observations: Tensor) -> Tensor:
        return self.layers(observations)


def expansion(activation: nn.Module) -> int:
    """Channels out per channel in: 2 for CReLU, else 1."""
    return getattr(activation, "expansion", 1)


def initialise(network: nn.Module) -> None:
    """Xavier uniform with gain sqrt(2) for the weights; the biases stay as torch draws them."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight, gain=2**0.5)
