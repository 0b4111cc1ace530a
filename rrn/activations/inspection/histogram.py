"""Count values in histograms of fixed size: `Histogram`, of arrays without torch, and of tensors on any device."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from rrn.activations.fitting.formula import check_range, whole
from rrn.common.renamed import renamed
from rrn.frameworks import arrays

__getattr__ = renamed(__name__, {"record_inputs": "rrn.activations.inspection.recording:record_inputs"})

BINS = 256
SAMPLE = 10_000  # number of values from which a range is chosen; at most twice as many are used


class Histogram:
    """Counts of values per bin, as `numpy.histogram` has them; values outside the range and NaN are counted apart.

    Args:
        bins: number of bins, evenly spaced.
        range: (low, high); None: chosen at the first `add`, as the interval of its values without the outermost
            0.1 % at each end, extended by half its width to each side.

    Raises:
        ValueError: fewer than one bin, or a range that is not (low, high) with low < high.
    """

    def __init__(self, bins: int = BINS, range: tuple[float, float] | None = None):
        bins = whole("bins", bins)
        if bins < 1:
            raise ValueError(f"bins: expected 1 or more, got {bins}.")
        if range is not None:
            check_range(range)
        self.bins = bins
        self.range = None if range is None else (float(range[0]), float(range[1]))
        self._counts: Any = None  # [bins + 3]: below, each bin, above, NaN; an array, or a tensor after the first one
        self._edges: Any = None

    def add(self, values: Any) -> None:
        """Count the values, of any shape and float dtype.

        Args:
            values: an array of NumPy, JAX, TensorFlow or MXNet; or a tensor of torch, on the device of the first ones.

        Raises:
            ValueError: an array that has no real numbers.
        """
        if not is_tensor(values):
            x = arrays.numbers("values", values.asnumpy() if hasattr(values, "asnumpy") else values)
            values = np.ascontiguousarray(x, np.float64 if x.dtype.itemsize > 4 else np.float32)
            if not is_tensor(self._counts):
                self._add(values)
                return
        from rrn.activations.inspection import tensor_counts  # torch, which arrays do without

        tensor_counts.add(self, values)

    def _add(self, x: np.ndarray) -> None:
        """Count values [any shape] of float32 or float64."""
        if not x.size:
            return
        if self._counts is None:
            self.begin(x.ravel()[:: self.stride(x.size)].astype(np.float64))
        if not arrays.KERNELS:
            self._counts += _counted(x.ravel().astype(np.float64), self._edges)
            return
        if self._fine:
            x = x.astype(np.float64)
        pointers = self._edges.ctypes.data, self.bins, self._counts.ctypes.data
        arrays.KERNELS.histogram(x.dtype == np.float64, x.ctypes.data, x.size, *pointers, 0)

    def stride(self, size: int) -> int:
        """Return the step between the values, of so many, from which a range is chosen; all but some are left out."""
        return max(1, size // SAMPLE)

    def begin(self, some: np.ndarray) -> None:
        """Choose the range, if none was given, from some of the values [K] float64, and begin to count."""
        if self.range is None:
            some = np.sort(some[np.isfinite(some)])
            last, cut = len(some) - 1, int(len(some) * 1e-3)
            low, high = (float(some[cut]), float(some[last - cut])) if len(some) else (0.0, 0.0)
            margin = (high - low) / 2 or max(abs(low) / 2, 0.5)
            self.range = low - margin, high + margin
        width = (self.range[1] - self.range[0]) / self.bins
        self._fine = width < max(1e-6 * max(abs(end) for end in self.range), 1e-30)  # bins too fine for float32
        self._edges, self._counts = self.edges, np.zeros(self.bins + 3, dtype=np.int64)

    @property
    def edges(self) -> np.ndarray:
        """Edges of the bins, [bins + 1] float64."""
        low, high = self.range or (-1.0, 1.0)
        return np.linspace(low, high, self.bins + 1)

    @property
    def counts(self) -> np.ndarray:
        """Number of values in each bin, [bins] int64; the last bin is closed."""
        return self._all[1:-2]

    @property
    def below(self) -> int:
        """Number of values below the range, including -inf."""
        return int(self._all[0])

    @property
    def above(self) -> int:
        """Number of values above the range, including inf."""
        return int(self._all[-2])

    @property
    def nan(self) -> int:
        """Number of NaN values."""
        return int(self._all[-1])

    @property
    def total(self) -> int:
        """Number of all values, including those outside the range and NaN."""
        return int(self._all.sum())

    @property
    def _all(self) -> np.ndarray:
        if self._counts is None:
            return np.zeros(self.bins + 3, dtype=np.int64)
        return self._counts.cpu().numpy() if is_tensor(self._counts) else self._counts.copy()

    @property
    def centres(self) -> np.ndarray:
        """Centres of the bins, [bins] float64."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    def span(self, share: float = 0.998) -> tuple[float, float]:
        """Return the smallest interval of whole bins that leaves out at most (1 - share) / 2 of the counts per end."""
        total, edges = self.counts.sum(), self.edges
        if total == 0:
            return float(edges[0]), float(edges[-1])
        reached = np.cumsum(self.counts) / total
        first = np.searchsorted(reached, (1 - share) / 2, side="right")
        last = np.searchsorted(reached, (1 + share) / 2)
        return float(edges[first]), float(edges[min(last, self.bins - 1) + 1])

    def density(self, x: np.ndarray) -> np.ndarray:
        """Estimate the density at x, [any shape], with Gaussian kernels, from the values inside the range.

        Raises:
            ValueError: fewer than two bins have values.
        """
        from scipy.stats import gaussian_kde

        filled = np.flatnonzero(self.counts)
        if len(filled) < 2:
            raise ValueError("expected values in two bins or more to estimate a density; record more, or finer bins.")
        kernel = gaussian_kde(self.centres[filled], weights=self.counts[filled])
        # Scott's rule with the number of values, where SciPy takes that of bins; no narrower than a bin
        spread = kernel.covariance[0, 0] ** 0.5 / kernel.factor
        width = (self.edges[1] - self.edges[0]) / spread
        kernel.set_bandwidth(max(self.counts.sum() ** -0.2, width))
        return kernel(np.ravel(x)).reshape(np.shape(x))

    def state_dict(self) -> dict:
        """Return range and counts as plain numbers, for a file."""
        return {"range": self.range, "counts": self.counts.tolist(), "outside": [self.below, self.above, self.nan]}

    @classmethod
    def from_state_dict(cls, state: dict) -> Histogram:
        """Make a histogram from what `state_dict` returned."""
        histogram = cls(len(state["counts"]), state["range"])
        below, above, nan = state["outside"]
        if histogram.range:
            histogram.begin(np.empty(0))
            histogram._counts[:] = [below, *state["counts"], above, nan]
        return histogram

    @classmethod
    def together(cls, parts: Sequence[Histogram]) -> Histogram:
        """Merge histograms into one over all their ranges; each value counts at the centre of its bin."""
        parts = [part for part in parts if part.range]
        if not parts:
            return cls()
        lows, highs = zip(*(part.range for part in parts), strict=True)
        merged = cls(max(part.bins for part in parts), (min(lows), max(highs)))
        counts = sum(np.histogram(part.centres, merged.edges, weights=part.counts)[0] for part in parts)
        outside = [sum(getattr(part, name) for part in parts) for name in ("below", "above", "nan")]
        return cls.from_state_dict({"range": merged.range, "counts": counts.astype(int).tolist(), "outside": outside})

    def __repr__(self) -> str:
        if self.range is None:
            return f"Histogram({self.bins} bins, empty)"
        low, high = self.range
        apart = ", ".join(f"{n} {name}" for name in ("below", "above", "nan") if (n := getattr(self, name)))
        return (
            f"Histogram({self.total} values in {self.bins} bins from {low:.4g} to {high:.4g}{apart and '; ' + apart})"
        )


def is_tensor(values: Any) -> bool:
    """Return whether this is a tensor of torch, which is not imported for it; arrays of MXNet have `detach` too."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(values, torch.Tensor)


def _counted(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Count values [K] float64 in plain NumPy, [bins + 3] int64."""
    bins = len(edges) - 1
    index = np.searchsorted(edges, values, side="right")
    index[values == edges[-1]] = bins  # the last bin is closed
    index[np.isnan(values)] = bins + 2
    return np.bincount(index, minlength=bins + 3)
