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

    Raises:
        ValueError: the pixels are too few for the convolutions.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels, *sizes = shape
    smallest = 1
    for _, kernel, stride in reversed(convolutions):
        smallest = (smallest - 1) * stride + kernel
    if min(sizes) < smallest:
        raise ValueError(f"expected pixels of at least {smallest}x{smallest}, got {sizes[0]}x{sizes[1]}")
    for i, ((width, kernel, stride), act) in enumerate(zip(convolutions, activations[:-1], strict=True), 1):
        layers[f"conv{i}"] = convolution(channels, units(width, act), kernel, stride)
        layers[f"act{i}"] = act
        channels, sizes = width_after(width, act), [(size - kernel) // stride + 1 for size in sizes]
    layers["flatten"] = nn.Flatten()
    layers["hidden"] = nn.Linear(channels * sizes[0] * sizes[1], units(hidden, activations[-1]))
    layers[f"act{len(activations)}"] = activations[-1]
    return layers


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    """Make a convolution in channels_last, the faster memory format on a CPU."""
    made = nn.Conv2d(inputs, outputs, kernel, stride, padding)
    return made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def fully_connected(width: int, widths: Sequence[int], activations: Sequence[nn.Module]) -> OrderedDict[str, nn.Module]:
    """Make fully connected layers of these widths for vectors [N, width], with an activation after each."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for i, (hidden, act) in enumerate(zip(widths, activations, strict=True), 1):
        layers[f"hidden{i}"] = nn.Linear(width, units(hidden, act))
        layers[f"act{i}"] = act
        width = width_after(hidden, act)
    return layers


def expansion(activation: nn.Module) -> float:
    """Return the number of output channels per input channel: 2 for CReLU, 1/2 for maxout, 1 for most."""
    return getattr(activation, "expansion", 1)


def width_factor(activation: nn.Module) -> float:
    """Return the units of the layer before an activation for each unit that it would have before a ReLU."""
    return getattr(activation, "width_factor", 1)


def units(width: int, activation: nn.Module) -> int:
    """Return the units or channels of a layer before an activation, where a layer before a ReLU has `width`.

    They are `width` times the `width_factor`, rounded.
    """
    return max(1, round(width * width_factor(activation)))


def width_after(width: int, activation: nn.Module) -> int:
    """Return the channels of the output of an activation after such a layer of `units`."""
    return int(units(width, activation) * expansion(activation))
