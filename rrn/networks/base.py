"""Base class of the networks: one chain of layers, with an activation after each hidden layer.

The agent decides what the outputs mean and how the weights are initialised.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from rrn.networks.layers import expansion, fully_connected


class Network(nn.Module):
    """Base class of networks: a chain `layers` with activations act1, act2, ... and the last layer `output`.

    Args:
        frame_shape, stack: shape of the observations, [N, stack, *frame_shape].
        outputs: units of the last layer.
        activations: one for each activation site, first to last.
    """

    widths: Sequence[int]  # channels or units at each activation site

    def __init__(self, frame_shape: Sequence[int], stack: int, outputs: int, activations: Sequence[nn.Module]):
        super().__init__()
        self.outputs = outputs
        layers = self.build_layers(frame_shape, stack, activations)
        layers["output"] = nn.Linear(self.widths[-1] * expansion(activations[-1]), outputs)
        self.layers = nn.Sequential(layers)

    def build_layers(self, frame_shape, stack, activations) -> OrderedDict[str, nn.Module]:
        """Make the hidden layers and activations by name; arguments are those of the class."""
        return fully_connected(stack * frame_shape[0], self.widths, activations)

    def preprocess(self, observations: Tensor) -> Tensor:
        """Return the input of the first layer for observations [N, stack, *frame_shape]."""
        return observations

    def forward(self, observations: Tensor) -> Tensor:
        """Return outputs [N, outputs] for observations [N, stack, *frame_shape]."""
        return self.layers(self.preprocess(observations))
