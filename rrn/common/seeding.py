"""Seeds that come from a key of whole numbers, so that uses with different keys have different random numbers."""

from __future__ import annotations

import numpy as np


def derive_seed(*key: int) -> int:
    """A seed of 31 bits, which the emulator takes too, for a key such as (seed of the run, copy, game).

    Zeros at the end of a key do not count.
    """
    return int(np.random.SeedSequence(key).generate_state(1)[0] >> 1)
