"""Fully connected network for vectors."""

from __future__ import annotations

from rrn.networks.base import Network


class VectorNetwork(Network):
    """Two hidden layers of 128 units, for frames [features] float32."""

    widths = (128, 128)
