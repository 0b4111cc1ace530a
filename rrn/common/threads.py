"""Set how many threads torch uses on the CPU; cores.py counts the cores for them."""

from __future__ import annotations

import torch

from rrn.common.cores import usable_cores


def set_threads(threads: int | None, most: int) -> None:
    """Set the number of CPU threads of torch.

    Args:
        threads: the number; None: one for each usable core, but at most `most`, and at most what torch has now.
        most: limit where `threads` is None.
    """
    torch.set_num_threads(threads or min(torch.get_num_threads(), usable_cores(), most))
