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


def restore_threads(threads: int) -> str | None:
    """Set the number of CPU threads of torch to that of an earlier process, since sums depend on how they are shared.

    Returns:
        A sentence if that is more than the cores.
    """
    torch.set_num_threads(threads)
    if threads <= usable_cores():
        return None
    return (
        f"this run has {threads} threads, for the bits of its sums, and {usable_cores()} usable cores, which makes it "
        "slow; threads=1 would be faster, with other bits"
    )
