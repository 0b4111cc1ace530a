"""Convolutional networks: that of the DQN paper, and that of MinAtar."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn

from rrn.networks.base import Network
from rrn.networks.layers import convolutional


class AtariNetwork(Network):
    """Three convolutions and 512 hidden units (Mnih et al. 2015, methods).

    For frames [height, width] or [channels, height, width] uint8; the channels of a stack are inputs side by side.
    """

    convolutions = ((32, 8, 4), (64, 4, 2), (64, 3, 1))  # channels, kernel, stride
    widths = (32, 64, 64, 512)

    def build_layers(self, frame_shape, stack, activations) -> OrderedDict[str, nn.Module]:
        *channels, height, width = frame_shape
        shape = (stack * math.prod(channels), height, width)
        return convolutional(shape, self.convolutions, self.widths[-1], activations)

    def preprocess(self, observations: Tensor) -> Tensor:
        """Return pixels from 0 to 1, [N, stack * channels, height, width] float32 in channels_last."""
        if observations.dim() == 5:
            observations = observations.flatten(1, 2)
        x = observations.to(torch.float32, memory_format=torch.channels_last)
        return x / 255 if x is observations else x.div_(255)  # in place, unless that would change the observations


class MinAtarNetwork(Network):
    """One convolution and 128 hidden units (Young and Tian 2019, section 3), for frames [channels, 10, 10] bool."""

    convolutions = ((16, 3, 1),)
    widths = (16, 128)

    def build_layers(self, frame_shape, stack, activations) -> OrderedDict[str, nn.Module]:
        channels, *sizes = frame_shape
        return convolutional((stack * channels, *sizes), self.convolutions, self.widths[-1], activations)

    def preprocess(self, observations: Tensor) -> Tensor:
        """Return the stacked channels, [N, stack * channels, 10, 10] float32 in channels_last."""
        return observations.flatten(1, 2).to(torch.float32, memory_format=torch.channels_last)
