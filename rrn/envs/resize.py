"""Resize screens bilinearly, as the paper's environment does; ale-py averages areas instead.

The arithmetic is in integers, so that every machine gives the same pixels and can replay the games of a checkpoint.
"""

from __future__ import annotations

from functools import cache

import numpy as np

BITS = 11  # of a weight; two of them and a pixel fit into 30


def bilinear(screens: np.ndarray, size: int) -> np.ndarray:
    """Resize screens [N, height, width] uint8 to square frames [N, size, size] uint8.

    A pixel is the mean of the four nearest ones, weighted by nearness, its centre at (i + 1/2) height / size - 1/2, as
    in OpenCV's INTER_LINEAR, which this agrees with to one grey level. A screen that shrinks to less than half loses
    pixels; the rest of a small object has more contrast than in an average over areas.
    """
    above, below, down = _neighbours(screens.shape[1], size)
    left, right, across = _neighbours(screens.shape[2], size)
    rows = _between(screens[:, above], screens[:, below], down[:, None])
    pixels = _between(rows[:, :, left], rows[:, :, right], across)
    return ((pixels + (1 << (2 * BITS - 1))) >> (2 * BITS)).astype(np.uint8)


def _between(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Interpolate between two arrays; the result is scaled by 2^BITS."""
    return first * ((1 << BITS) - weight) + second * weight


@cache
def _neighbours(length: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the two pixels of a line nearest to each of `size` new ones, and the weight of the second, int32."""
    centre = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
    first = centre.astype(np.intp)
    weight = np.rint((centre - first) * (1 << BITS)).astype(np.int32)
    return first, np.minimum(first + 1, length - 1), weight
