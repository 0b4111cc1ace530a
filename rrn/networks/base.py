"""Base classes of the networks: a chain of layers with an activation after each hidden layer, or any module.

The agent decides what the outputs mean and how the weights are initialised.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from rrn.networks.activations import Normalised
from rrn.networks.layers import fully_connected, width_after


class Network(nn.Module):
    """Base class of networks: a chain `layers` with activations act1, act2, ... and the last layer `output`.

    Args:
        frame_shape, stack: shape of the observations, [N, stack, *frame_shape].
        outputs: units of the last layer.
        activations: one for each activation site, first to last. The normalisation before one is a layer of its own:
            norm1 before act1.
        streams: outputs of each part of the last layer by name, if each has a last hidden layer of its own, with an
            activation; none: one layer for all outputs.

    Attributes:
        last: the last layer, or those of the streams.
    """

    widths: Sequence[int]  # channels or units at each activation site
    layers: nn.Module

    def __init__(
        self,
        frame_shape: Sequence[int],
        stack: int,
        outputs: int,
        activations: Sequence[nn.Module],
        streams: Mapping[str, int] | None = None,
    ):
        super().__init__()
        self.outputs = outputs
        sites = len(self.widths)
        layers = self.build_layers(frame_shape, stack, activations[:sites])
        width = width_after(self.widths[-1], activations[-1])
        if streams:
            layers["output"] = Streams(layers, activations[sites - 1 :], width, streams)
            self.widths = (*self.widths, *[self.widths[-1]] * (len(streams) - 1))
        else:
            layers["output"] = nn.Linear(width, outputs)
        self.layers = nn.Sequential(_unpacked(layers))

    @property
    def last(self) -> list[nn.Module]:
        output = self.layers.get_submodule("output")
        return [part.get_submodule("output") for part in output.children()] if isinstance(output, Streams) else [output]

    def build_layers(self, frame_shape, stack, activations) -> OrderedDict[str, nn.Module]:
        """Make the hidden layers and activations by name; arguments are those of the class."""
        return fully_connected(stack * int(np.prod(frame_shape)), self.widths, activations)

    def preprocess(self, observations: Tensor) -> Tensor:
        """Return the input of the first layer for observations [N, stack, *frame_shape]."""
        return observations

    def forward(self, observations: Tensor) -> Tensor:
        """Return outputs [N, outputs] for observations [N, stack, *frame_shape]."""
        return self.layers(self.preprocess(observations))


class Streams(nn.ModuleDict):
    """Parts of the last layer by name, each with a hidden layer and an activation of its own; their outputs in a row.

    Args:
        layers: of the network by name; the last two, a fully connected one and its activation, move to each part.
        activations: one for each part.
        width: units after each activation.
        outputs: of each part, by name.
    """

    def __init__(
        self,
        layers: OrderedDict[str, nn.Module],
        activations: Sequence[nn.Module],
        width: int,
        outputs: Mapping[str, int],
    ):
        first = int(layers.popitem()[0].removeprefix("act"))
        name, hidden = cast(tuple[str, nn.Linear], layers.popitem())
        parts = {}
        for number, (part, act) in enumerate(zip(outputs, activations, strict=True)):
            own = hidden if number == 0 else nn.Linear(hidden.in_features, hidden.out_features)
            chain = OrderedDict(
                [(name, own), (f"act{first + number}", act), ("output", nn.Linear(width, outputs[part]))]
            )
            parts[part] = nn.Sequential(_unpacked(chain))
        super().__init__(parts)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [N, inputs] to the outputs of all parts, [N, outputs]."""
        return torch.cat([part(x) for part in self.values()], 1)


class ModuleNetwork(Network):
    """Network around any module, its `layers`, which maps [N, *input_shape] float32 to [N, outputs].

    Args:
        layers: the module.
        outputs: units of its output.
        widths: channels or units at each activation site, first to last.
    """

    def __init__(self, layers: nn.Module, outputs: int, widths: Sequence[int]):
        nn.Module.__init__(self)
        self.layers, self.outputs, self.widths = layers, outputs, tuple(widths)

    def preprocess(self, observations: Tensor) -> Tensor:
        """Return observations [N, stack, *frame_shape] as [N, *input_shape] float32; uint8 as numbers from 0 to 1."""
        return as_floats(observations.flatten(1, -3) if observations.dim() > 3 else observations.flatten(1))


class PolicyAndValue(Network):
    """Two networks side by side, one for the policy and one for the value: outputs of the policy, then the value.

    Their layers are `layers.policy` and `layers.value`.
    """

    def __init__(self, policy: Network, value: Network):
        nn.Module.__init__(self)
        self.outputs, self.widths = policy.outputs + value.outputs, (*policy.widths, *value.widths)
        self.layers = nn.ModuleDict({"policy": policy.layers, "value": value.layers})
        self.preprocess = policy.preprocess  # type: ignore[method-assign]  # of both: they are of one kind

    def forward(self, observations: Tensor) -> Tensor:
        x = self.preprocess(observations)
        return torch.cat([layers(x) for layers in self.layers.values()], 1)


def input_shape(frame_shape: Sequence[int], stack: int) -> tuple[int, ...]:
    """Return the shape of an observation for a network, (C, H, W) of pixels or (features,), with the stack in one."""
    if len(frame_shape) < 2:
        return (stack * int(np.prod(frame_shape)),)
    *channels, height, width = frame_shape
    return stack * int(np.prod(channels)), height, width


def as_floats(x: Tensor) -> Tensor:
    """Return numbers as float32, uint8 from 0 to 1, pixels in channels_last."""
    if x.dim() != 4:
        return x.to(torch.float32).div_(255) if x.dtype == torch.uint8 else x.to(torch.float32)
    floats = channels_last(x)
    return floats.div_(255) if x.dtype == torch.uint8 else floats


def channels_last(x: Tensor) -> Tensor:
    """Return pixels [N, C, H, W] as float32 in channels_last; x itself if it is that already."""
    if x.dtype != torch.uint8 or not x.is_cpu or torch.jit.is_tracing() or torch.compiler.is_compiling():
        return x.to(torch.float32, memory_format=torch.channels_last)
    n, channels, height, width = x.shape
    floats = x.new_empty((n, height, width, channels), dtype=torch.float32)
    for channel in range(channels):  # quicker than a copy of all channels by torch
        floats[..., channel] = x[:, channel]
    return floats.permute(0, 3, 1, 2)


def _unpacked(layers: OrderedDict[str, nn.Module]) -> OrderedDict[str, nn.Module]:
    """Put the normalisation of each activation before it, as a layer of its own."""
    unpacked: OrderedDict[str, nn.Module] = OrderedDict()
    for name, layer in layers.items():
        if isinstance(layer, Normalised):
            unpacked[name.replace("act", "norm")], layer = layer.parts()
        unpacked[name] = layer
    return unpacked
