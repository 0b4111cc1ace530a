"""Bilinear resizing of screens, as the paper's environment does it; ale-py's own averages areas.

In whole numbers, so that every machine gives the same pixels and a game of a checkpoint can be played again anywhere.
"""

from __future__ import annotations

from functools import cache

import numpy as np

BITS = 11  # of a weight; two of them and a pixel fit into 30


def bilinear(screens: np.ndarray, size: int) -> np.ndarray:
    """Square frames [N, size, size] uint8 of screens [N, height, width] uint8.

    A pixel is the mean of the four nearest ones, weighted by nearness, its centre at (i + 1/2) height / size - 1/2, as
    in OpenCV's INTER_LINEAR, which this agrees with to one grey level. A screen that shrinks to less than half loses
    pixels so; what stays of small things has more contrast than in an average over areas.
    """
    above, below, down = _neighbours(screens.shape[1], size)
    left, right, across = _neighbours(screens.shape[2], size)
    rows = _between(screens[:, above], screens[:, below], down[:, None])
    pixels = _between(rows[:, :, left], rows[:, :, right], across)
    return ((pixels + (1 << (2 * BITS - 1))) >> (2 * BITS)).astype(np.uint8)


def _between(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Their weighted mean times 2^BITS."""
    return first * ((1 << BITS) - weight) + second * weight


@cache
def _neighbours(length: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two pixels of a line of this length nearest to each of `size` new ones, and the second's weight in int32."""
    centre = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
    first = centre.astype(np.intp)
    weight = np.rint((centre - first) * (1 << BITS)).astype(np.int32)
    return first, np.minimum(first + 1, length - 1), weight
