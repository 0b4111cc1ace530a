"""What every network is: one chain of layers, with an activation after each hidden one.

What the outputs are, and how the weights start, is the agent's business.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from rrn.networks.layers import expansion, fully_connected


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
        layers = self.build_layers(frame_shape, stack, activations)
        layers["output"] = nn.Linear(self.widths[-1] * expansion(activations[-1]), outputs)
        self.layers = nn.Sequential(layers)

    def build_layers(self, frame_shape, stack, activations) -> OrderedDict[str, nn.Module]:
        return fully_connected(stack * frame_shape[0], self.widths, activations)

    def preprocess(self, observations: Tensor) -> Tensor:
        """What goes into the first layer, for observations [N, stack, *frame_shape]."""
        return observations

    def forward(self, observations: Tensor) -> Tensor:
        """[N, outputs] for observations [N, stack, *frame_shape]."""
        return self.layers(self.preprocess(observations))
