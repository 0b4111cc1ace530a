"""Count the values of tensors in a histogram, on their device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from rrn.activations.ops import cpu
from rrn.activations.ops.kernels import in_memory_order

if TYPE_CHECKING:
    from rrn.activations.inspection.histogram import Histogram


def add(histogram: Histogram, values: Any) -> None:
    """Count the values, of any shape and float dtype; see `Histogram.add`."""
    if not isinstance(values, Tensor):
        values = torch.tensor(values, device=histogram._counts.device)
    if not values.numel():
        return
    if histogram._counts is None:
        some = np.empty(0)
        if histogram.range is None:
            some = values.detach().flatten()[:: histogram.stride(values.numel())].double().cpu().numpy()
        histogram.begin(some)
    if not isinstance(histogram._counts, Tensor):
        _move(histogram, values.device)
    if values.dtype is not torch.float32 or histogram._fine:
        values = values.to(torch.float64 if values.dtype is torch.float64 or histogram._fine else torch.float32)
    if values.is_cpu and cpu.KERNELS is not None:
        dense = values if values.is_contiguous() else in_memory_order(values.detach()).contiguous()
        cpu.histogram(dense.resolve_neg(), histogram._edges, histogram._counts)
    else:
        _add(values.detach().flatten().double(), histogram._edges, histogram._counts)


def _add(values: Tensor, edges: Tensor, counts: Tensor) -> None:
    """Count values [K] float64 in plain torch; nothing is copied to the host."""
    bins = len(edges) - 1
    index = torch.bucketize(values, edges, right=True)
    index = torch.where(values == edges[-1], bins, index)  # the last bin is closed
    index = torch.where(values.isnan(), bins + 2, index)
    counts.scatter_add_(0, index, torch.ones_like(index))


def _move(histogram: Histogram, device: torch.device) -> None:
    """Make tensors of the edges and counts, which are arrays, on the device of the values."""
    with torch.inference_mode(False):  # values may also come outside inference mode
        for name in ("_edges", "_counts"):
            setattr(histogram, name, torch.from_numpy(getattr(histogram, name)).to(device))
