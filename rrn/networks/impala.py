"""Residual network with 15 convolutions (Espeholt et al. 2018, figure 3, right; without its LSTM)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from rrn.networks.activations import Factory, Normalised
from rrn.networks.layers import convolution

CHANNELS = (16, 32, 32)  # of the sections
BLOCKS = 2  # in a section
HIDDEN = 256


class Impala(nn.Module):
    """Three sections of a convolution, a maximum over 3x3 with stride 2, and two residual blocks; 256 hidden units.

    A residual block adds to its input act, conv, act, conv of it; another activation follows the last section, and one
    the hidden layer, 14 in all. They are act1 to act14, beside conv1 to conv15, hidden and output.

    Args:
        shape: (C, H, W) of the pixels.
        outputs: units of the last layer.
        activation: makes the activations.
        width: factor of the channels of the convolutions.

    Shape: [N, C, H, W] float32 to [N, outputs].

    Raises:
        ValueError: `shape` is not one of pixels.
    """

    def __init__(self, shape: Sequence[int], outputs: int, activation: Factory, width: int = 1):
        super().__init__()
        if len(shape) != 3:
            raise ValueError(f"expected pixels, got observations of shape {list(shape)}")
        channels, *sizes = shape
        self.convolutions = self.sites = 0
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        for section in CHANNELS:
            nominal = width * section
            inner = activation.units(nominal)
            self._add_convolution(channels, inner)
            for _ in range(2 * BLOCKS):
                self._add_activation(activation(nominal))
                self._add_convolution(activation.width_after(nominal), inner)
            channels, sizes = inner, [(size + 1) // 2 for size in sizes]
        self._add_activation(activation(nominal))
        self.flatten = nn.Flatten()
        pixels = activation.width_after(nominal) * sizes[0] * sizes[1]
        self.hidden = nn.Linear(pixels, activation.units(HIDDEN))
        self._add_activation(activation(HIDDEN))
        self.output = nn.Linear(activation.width_after(HIDDEN), outputs)

    def _add_convolution(self, inputs: int, outputs: int) -> None:
        self.convolutions += 1
        self.add_module(f"conv{self.convolutions}", convolution(inputs, outputs, 3, padding=1))

    def _add_activation(self, act: nn.Module) -> None:
        self.sites += 1
        if isinstance(act, Normalised):
            norm, act = act.parts()
            self.add_module(f"norm{self.sites}", norm)
        self.add_module(f"act{self.sites}", act)

    def _activate(self, x: Tensor, site: int) -> Tensor:
        norm: Any = getattr(self, f"norm{site}", None)
        return getattr(self, f"act{site}")(x if norm is None else norm(x))

    def forward(self, x: Tensor) -> Tensor:
        conv = site = 0
        for _ in CHANNELS:
            conv += 1
            x = self.pool(getattr(self, f"conv{conv}")(x))
            for _ in range(BLOCKS):
                inner = x
                for _ in range(2):
                    conv, site = conv + 1, site + 1
                    inner = getattr(self, f"conv{conv}")(self._activate(inner, site))
                x = x + inner
        x = self.flatten(self._activate(x, site + 1))
        return self.output(self._activate(self.hidden(x), site + 2))
