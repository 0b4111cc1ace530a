"""Networks with an activation at each hidden layer: that of the DQN paper, that of MinAtar, and one for vectors.

Each is one chain of layers. What the outputs are, and how the weights start, is the agent's business.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Network(nn.Module):
    """Base: a chain `layers` whose activations are act1, act2, ..., and whose last layer is `output`.

    Args:
        frame_shape, stack: of the observations, [N, stack, *frame_shape].
        outputs: units of the last layer.
        activations: one for each place, first to last.
    """

    widths: Sequence[int]  # channels or units at each place

    def __init__(self, frame_shape: Sequence[int], stack: int, outputs: int, activations: Sequence[nn.Module]):
        super().__init__()
        self.outputs = outputs
        layers = self._hidden_layers(frame_shape, stack, activations)
        layers["output"] = nn.Linear(self.widths[-1] * expansion(activations[-1]), outputs)
        self.layers = nn.Sequential(layers)

    def _hidden_layers(self, frame_shape, stack, activations) -> OrderedDict[str, nn.Module]:
        return fully_connected(stack * frame_shape[0], self.widths, activations)

    def prepared(self, observations: Tensor) -> Tensor:
        """What goes into the first layer, for observations [N, stack, *frame_shape]."""
        return observations

    def forward(self, observations: Tensor) -> Tensor:
        """[N, outputs] for observations [N, stack, *frame_shape]."""
        return self.layers(self.prepared(observations))


class AtariNetwork(Network):
    """Three convolutions and a hidden layer of 512 (Mnih et al. 2015, methods); frames [size, size] uint8."""

    convolutions = ((32, 8, 4), (64, 4, 2), (64, 3, 1))  # channels, kernel, stride
    widths = (32, 64, 64, 512)

    def _hidden_layers(self, frame_shape, stack, activations) -> OrderedDict[str, nn.Module]:
        return convolutional((stack, *frame_shape), self.convolutions, self.widths[-1], activations)

    def prepared(self, observations: Tensor) -> Tensor:
        x = observations.to(torch.float32, memory_format=torch.channels_last)
        return x / 255 if x is observations else x.div_(255)


class MinAtarNetwork(Network):
    """One convolution and a hidden layer of 128 (Young and Tian 2019, section 3); frames [channels, 10, 10] bool."""

    convolutions = ((16, 3, 1),)
    widths = (16, 128)

    def _hidden_layers(self, frame_shape, stack, activations) -> OrderedDict[str, nn.Module]:
        channels, *sizes = frame_shape
        return convolutional((stack * channels, *sizes), self.convolutions, self.widths[-1], activations)

    def prepared(self, observations: Tensor) -> Tensor:
        return observations.flatten(1, 2).to(torch.float32, memory_format=torch.channels_last)


class VectorNetwork(Network):
    """Two hidden layers of 128; frames [features] float32."""

    widths = (128, 128)


NETWORKS = {1: VectorNetwork, 2: AtariNetwork, 3: MinAtarNetwork}  # by the number of dimensions of a frame


def convolutional(
    shape: Sequence[int], convolutions: Sequence[tuple[int, int, int]], hidden: int, activations: Sequence[nn.Module]
) -> OrderedDict[str, nn.Module]:
    """Convolutions and a hidden layer for pixels of this shape (C, H, W), with an activation after each."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels, *sizes = shape
    for i, ((width, kernel, stride), act) in enumerate(zip(convolutions, activations[:-1], strict=True), 1):
        conv = nn.Conv2d(channels, width, kernel, stride)
        layers[f"conv{i}"] = conv.to(memory_format=torch.channels_last)  # the faster layout on a CPU
        layers[f"act{i}"] = act
        channels, sizes = width * expansion(act), [(size - kernel) // stride + 1 for size in sizes]
    layers["flatten"] = nn.Flatten()
    layers["hidden"] = nn.Linear(channels * sizes[0] * sizes[1], hidden)
    layers[f"act{len(activations)}"] = activations[-1]
    return layers


def fully_connected(width: int, widths: Sequence[int], activations: Sequence[nn.Module]) -> OrderedDict[str, nn.Module]:
    """Hidden layers for vectors of this width, with an activation after each."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for i, (units, act) in enumerate(zip(widths, activations, strict=True), 1):
        layers[f"hidden{i}"] = nn.Linear(width, units)
        layers[f"act{i}"] = act
        width = units * expansion(act)
    return layers


def expansion(activation: nn.Module) -> int:
    """Channels out per channel in: 2 for CReLU, else 1."""
    return getattr(activation, "expansion", 1)


def xavier(network: Network) -> None:
    """Xavier uniform with gain sqrt(2) for the weights, 1 for the last layer; the biases stay as torch draws them."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            last = module is network.layers.output
            nn.init.xavier_uniform_(module.weight, gain=1 if last else 2**0.5)


@torch.no_grad()
def orthogonal(network: Network) -> None:
    """Orthogonal with gain sqrt(2), but 0.01 for the policy and 1 for the value, the last output; biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            _orthogonal(module.weight, 2**0.5)
            nn.init.zeros_(module.bias)
    policy, value = network.layers.output.weight.split([network.outputs - 1, 1])
    _orthogonal(policy, 0.01)
    _orthogonal(value, 1.0)


def _orthogonal(weight: Tensor, gain: float) -> None:
    """torch's own does not take weights in channels_last."""
    weight.copy_(nn.init.orthogonal_(torch.empty(weight.shape), gain))
