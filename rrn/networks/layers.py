"""Make chains of layers for pixels and for vectors, with an activation after each hidden layer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn


def convolutional(
    shape: Sequence[int], convolutions: Sequence[tuple[int, int, int]], hidden: int, activations: Sequence[nn.Module]
) -> OrderedDict[str, nn.Module]:
    """Make convolutions and a fully connected layer, with an activation after each.

    Args:
        shape: (C, H, W) of the pixels.
        convolutions: (channels, kernel size, stride) of each convolution.
        hidden: units of the fully connected layer.
        activations: one after each layer, first to last.

    Returns:
        The modules by name: conv1, act1, ..., flatten, hidden and its activation.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels, *sizes = shape
    for i, ((width, kernel, stride), act) in enumerate(zip(convolutions, activations[:-1], strict=True), 1):
        conv = nn.Conv2d(channels, width, kernel, stride)
        layers[f"conv{i}"] = conv.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the faster memory format on a CPU
        layers[f"act{i}"] = act
        channels, sizes = width * expansion(act), [(size - kernel) // stride + 1 for size in sizes]
    layers["flatten"] = nn.Flatten()
    layers["hidden"] = nn.Linear(channels * sizes[0] * sizes[1], hidden)
    layers[f"act{len(activations)}"] = activations[-1]
    return layers


def fully_connected(width: int, widths: Sequence[int], activations: Sequence[nn.Module]) -> OrderedDict[str, nn.Module]:
    """Make fully connected layers of these widths for vectors [N, width], with an activation after each."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for i, (units, act) in enumerate(zip(widths, activations, strict=True), 1):
        layers[f"hidden{i}"] = nn.Linear(width, units)
        layers[f"act{i}"] = act
        width = units * expansion(act)
    return layers


def expansion(activation: nn.Module) -> int:
    """Return the number of output channels per input channel: 2 for CReLU, else 1."""
    return getattr(activation, "expansion", 1)
