"""A policy as layers of arrays, in the order and layout of frameworks with channels last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rrn.frameworks.coefficients import CoefficientDict


@dataclass(frozen=True)
class Affine:
    """A convolution without padding, or a fully connected layer."""

    name: str
    kernel: np.ndarray  # [height, width, inputs, outputs] or [inputs, outputs]
    bias: np.ndarray  # [outputs]
    stride: int = 1


@dataclass(frozen=True)
class Activation:
    """An activation of one site: a rational, or a function by name."""

    name: str
    owner: str  # name of the first site with the same module
    rational: CoefficientDict | None
    function: str = ""


@dataclass(frozen=True)
class Policy:
    """A network as arrays.

    Attributes:
        shape: of an observation of our environments, [stack, *frame].
        pixels: (channels, height, width) of the first convolution; None for vectors.
        scale: what pixels are divided by.
        layers: hidden ones, in their order, each with its activation behind it.
        heads: last layers by name: q; or policy and value.
        support: returns of the atoms of a distribution, which the last layer has for each action; None: Q-values.
    """

    shape: tuple[int, ...]
    pixels: tuple[int, int, int] | None
    scale: float
    dtype: str  # of observations
    layers: tuple[Affine | Activation, ...]
    heads: dict[str, Affine]
    support: np.ndarray | None
