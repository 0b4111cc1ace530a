"""Convolutional networks: those of the DQN paper, of MinAtar and of data-efficient Rainbow."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from rrn.networks.base import Network, as_floats, channels_last, input_shape
from rrn.networks.layers import convolutional


class PixelNetwork(Network):
    """Convolutions and a hidden layer, for frames [height, width] or [channels, height, width].

    Attributes:
        convolutions: (channels, kernel size, stride) of each.
        widths: their channels, and the units of the hidden layer.
    """

    convolutions: Sequence[tuple[int, int, int]]

    def build_layers(self, frame_shape, stack, activations) -> OrderedDict[str, nn.Module]:
        if len(frame_shape) < 2:
            raise ValueError(f"expected pixels, got observations of shape {[stack, *frame_shape]}")
        return convolutional(input_shape(frame_shape, stack), self.convolutions, self.widths[-1], activations)

    def preprocess(self, observations: Tensor) -> Tensor:
        """Return the stacked channels, [N, C, H, W] float32 in channels_last; uint8 as numbers from 0 to 1."""
        return as_floats(observations.flatten(1, -3))


class AtariNetwork(PixelNetwork):
    """Three convolutions and 512 hidden units (Mnih et al. 2015, methods), for frames of one channel or of several."""

    convolutions = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
    widths = (32, 64, 64, 512)

    def preprocess(self, observations: Tensor) -> Tensor:
        """Return pixels of 0 to 255 of any type as numbers from 0 to 1, [N, C, H, W] float32 in channels_last."""
        pixels = observations.flatten(1, -3)
        x = channels_last(pixels)
        return x / 255 if x is pixels else x.div_(255)  # in place, unless that would change the observations


class MinAtarNetwork(PixelNetwork):
    """One convolution and 128 hidden units (Young and Tian 2019, section 3), for frames [channels, 10, 10] bool."""

    convolutions = ((16, 3, 1),)
    widths = (16, 128)


class SmallNetwork(PixelNetwork):
    """Two convolutions and 256 hidden units (van Hasselt et al. 2019, data-efficient Rainbow), for frames [84, 84]."""

    convolutions = ((32, 5, 5), (64, 5, 5))
    widths = (32, 64, 256)
