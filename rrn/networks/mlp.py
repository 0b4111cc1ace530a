"""Fully connected network for vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from rrn.networks.base import Network, as_floats


class VectorNetwork(Network):
    """Hidden layers of these widths, by default two of 128 units, for frames of any shape, which are flattened."""

    widths: Sequence[int] = (128, 128)

    def __init__(
        self,
        frame_shape: Sequence[int],
        stack: int,
        outputs: int,
        activations: Sequence[nn.Module],
        streams: Mapping[str, int] | None = None,
        widths: Sequence[int] = widths,
    ):
        self.widths = tuple(widths)
        super().__init__(frame_shape, stack, outputs, activations, streams)

    def preprocess(self, observations: Tensor) -> Tensor:
        """Return observations as float32; uint8 as numbers from 0 to 1."""
        return observations if observations.dtype == torch.float32 else as_floats(observations)
