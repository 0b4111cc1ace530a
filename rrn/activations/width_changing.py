"""Activations whose output has more or fewer channels than their input, [N, C, ...] to [N, C * expansion, ...].

`expansion` is the number of output channels for each input channel. `width_factor` is the number of units that the
layer before the activation has for each unit that it would have before a ReLU; see `rrn.networks.layers.units`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rrn.activations.baselines import CReLU

EQUAL = 0.5**0.5  # units that make a layer as large as before a ReLU: EQUAL of them, from 2 * EQUAL inputs each


class CReLUHalf(CReLU):
    """Concatenated ReLU after half of the units: as many outputs as a ReLU has, about half of the weights."""

    width_factor = 0.5


class CReLUEqual(CReLU):
    """Concatenated ReLU after 1/sqrt(2) of the units: as many weights between two hidden layers as with a ReLU."""

    width_factor = EQUAL


class Fourier(nn.Module):
    """Deep Fourier features (Lewandowski et al. 2025, arXiv 2410.20634): [N, C, ...] to [N, 2 C, ...], sin(x), cos(x).

    The layer before has half of the units, as in the paper: as many outputs as a ReLU has, about half of the weights.
    """

    expansion, width_factor = 2, 0.5

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x.sin(), x.cos()), dim=1)


class FourierEqual(Fourier):
    """Deep Fourier features after 1/sqrt(2) of the units: as many weights between two hidden layers as with a ReLU."""

    width_factor = EQUAL


class Maxout(nn.Module):
    """Largest of two linear units (Goodfellow et al. 2013, section 3, k = 2): [N, 2 C, ...] to [N, C, ...].

    The layer before has twice the units, so as many outputs as a ReLU has.
    """

    expansion, width_factor = 0.5, 2
    lines_from = 2  # channels of the input that a curve of it needs; it is drawn with equal ones

    def forward(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, dim=1)
        return torch.maximum(first, second)


class HadamardTanh(nn.Module):
    """Product of two tanh units (Kooi et al. 2024, arXiv 2406.09079): [N, 2 C, ...] to [N, C, ...].

    The layer before has twice the units, those of both factors, so as many outputs as a tanh has.
    """

    expansion, width_factor = 0.5, 2
    lines_from = 2

    def forward(self, x: Tensor) -> Tensor:
        first, second = x.tanh().chunk(2, dim=1)
        return first * second
