"""Chains of layers for pixels and for vectors, with an activation after each hidden one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn


def convolutional(
    shape: Sequence[int], convolutions: Sequence[tuple[int, int, int]], hidden: int, activations: Sequence[nn.Module]
) -> OrderedDict[str, nn.Module]:
    """Convolutions and a hidden layer for pixels of this shape (C, H, W), with an activation after each."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels, *sizes = shape
    for i, ((width, kernel, stride), act) in enumerate(zip(convolutions, activations[:-1], strict=True), 1):
        conv = nn.Conv2d(channels, width, kernel, stride)
        layers[f"conv{i}"] = conv.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the faster layout on a CPU
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
