"""Rational activations on NumPy arrays, without torch: `rational`, `gradients` and `Rational`.

The compiled kernels compute them on one thread where they were built, plain NumPy otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rrn.activations.fitting.form import Form, Init
from rrn.frameworks import formula
from rrn.frameworks.cpu_kernels import backward, forward, has_kernels
from rrn.frameworks.tails import with_tails

BLOCK = 16_384  # elements that plain NumPy takes at once, so that they stay in the cache


def rational(
    x: np.ndarray,
    numerator: np.ndarray,
    denominator: np.ndarray,
    version: str = "A",
    axis: int = 1,
    tail_range: tuple[float, float] | None = None,
) -> np.ndarray:
    ...
