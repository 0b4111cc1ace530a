"""Derive seeds from keys of integers, so that uses with different keys have different random numbers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=4096)  # for the episodes that are being played, each is asked for again at its end
def derive_seed(*key: int) -> int:
    """Derive a seed of 31 bits, as the emulator needs, from a key such as (seed of the run, copy, episode).

    Zeros at the end of a key do not count.
    """
    return int(np.random.SeedSequence(key).generate_state(1)[0] >> 1)
