"""How many threads torch uses on the CPU; cores.py says how many cores there are for them."""

from __future__ import annotations

import torch

from rrn.common.cores import usable_cores


def set_threads(threads: int | None, most: int) -> None:
    """Set the number of CPU threads of torch; None: one for each usable core.

    Then never more than torch would take by itself, nor than `most`.
    """
    torch.set_num_threads(threads or min(torch.get_num_threads(), usable_cores(), most))
