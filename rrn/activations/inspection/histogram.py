"""Count the inputs of activations in histograms of fixed size: `record_inputs` and `Histogram`.

Counts stay on the device of the model until they are read.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
import torch
from torch import Tensor, nn

from rrn.activations.fitting.formula import check_range, whole
from rrn.activations.ops import cpu
from rrn.activations.ops.kernels import have_memory, in_memory_order
from rrn.activations.ops.operator import PLAIN_TENSORS
from rrn.activations.ops.torch_private import functorch_active
from rrn.activations.rational import coefficients_of
from rrn.activations.sites import named_activations
from rrn.common.eager import eagerly

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
        self._counts: Tensor | None = None  # [bins + 3]: below, each bin, above, NaN
        self._edges: Tensor | None = None

    def add(self, values: Tensor) -> None:
        """Count the values, of any shape and float dtype; they must be on the device of the first ones."""
        if not values.numel():
            return
        if self._counts is None:
            self._begin(values)
        if values.dtype is not torch.float32 or self._fine:
            values = values.to(torch.float64 if values.dtype is torch.float64 or self._fine else torch.float32)
        if values.is_cpu and cpu.KERNELS is not None:
            dense = values if values.is_contiguous() else in_memory_order(values.detach()).contiguous()
            cpu.histogram(dense.resolve_neg(), self._edges, self._counts)
        else:
            self._add(values.detach().flatten().double())

    def _add(self, values: Tensor) -> None:
        """Count values [K] float64 in plain torch; nothing is copied to the host."""
        index = torch.bucketize(values, self._edges, right=True)
        index = torch.where(values == self._edges[-1], self.bins, index)  # the last bin is closed
        index = torch.where(values.isnan(), self.bins + 2, index)
        self._counts.scatter_add_(0, index, torch.ones_like(index))

    def _begin(self, values: Tensor) -> None:
        """Choose the range, if none was given, and allocate the counts."""
        if self.range is None:
            some = values.detach().flatten()[:: max(1, values.numel() // SAMPLE)].double()
            some = some[some.isfinite()].sort().values
            last, cut = len(some) - 1, int(len(some) * 1e-3)
            low, high = (some[cut].item(), some[last - cut].item()) if len(some) else (0.0, 0.0)
            margin = (high - low) / 2 or max(abs(low) / 2, 0.5)
            self.range = low - margin, high + margin
        width = (self.range[1] - self.range[0]) / self.bins
        self._fine = width < max(1e-6 * max(abs(end) for end in self.range), 1e-30)  # bins too fine for float32
        with torch.inference_mode(False):  # values may also come outside inference mode
            self._edges = torch.from_numpy(self.edges).to(values.device)
            self._counts = torch.zeros(self.bins + 3, dtype=torch.int64, device=values.device)

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
        return self._counts.cpu().numpy()

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
            histogram._begin(torch.empty(0))
            histogram._counts[:] = torch.tensor([below, *state["counts"], above, nan])
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


class record_inputs:
    """Context that counts the inputs of each activation of a model::

        with rrn.record_inputs(model) as inputs:
            model(x)
        inputs["layers.act1"].counts

    Args:
        model: a model with activations in it (see `rrn.activations.sites.named_activations`), or an activation.
        bins, range: arguments of each `Histogram`; with a range of None, each site has its own.

    Within the context torch.compile is off: compiled models run eagerly, so that their inputs are counted. Calls within
    torch.func, or on DTensors, are not counted. If nothing was counted, the context warns at its end.

    The last recording stays as `recorded_inputs` on the module of each site, where `rrn.plot` looks for it, and those
    of all sites of a recurrent rational as `recorded_everywhere` on the rational.

    Raises:
        ValueError: no activation in the model, or `bins` or `range` as for `Histogram`.
    """

    def __init__(self, model: nn.Module, bins: int = BINS, range: tuple[float, float] | None = None):
        self.modules = dict(named_activations(model))
        if not self.modules:
            raise ValueError(
                "expected a model with activation modules in it; it has none (functional calls are hidden)."
            )
        self.histograms = {name: Histogram(bins, range) for name in self.modules}

    def __enter__(self) -> dict[str, Histogram]:
        self.open = ExitStack()
        self.open.enter_context(eagerly())
        everywhere: dict[nn.Module, list[Histogram]] = defaultdict(list)
        for name, module in self.modules.items():
            module.recorded_inputs = histogram = self.histograms[name]  # type: ignore[assignment]
            everywhere[coefficients_of(module)].append(histogram)
            hook = module.register_forward_pre_hook(_Count(histogram), with_kwargs=True)
            self.open.callback(hook.remove)
        for owner, histograms in everywhere.items():
            owner.recorded_everywhere = histograms  # type: ignore[assignment]
        return self.histograms

    def __exit__(self, kind, *error) -> None:
        self.open.close()
        if kind is None and all(histogram.range is None for histogram in self.histograms.values()):
            warnings.warn(
                "record_inputs: nothing came into any activation. Call this model within the context, not a copy of it "
                "and not through torch.func, torch.export or torch.jit; compile it before the context, not in it.",
                stacklevel=2,
            )


class _Count:
    """Hook that counts the inputs of a module. Copied or pickled with its module, it counts nothing."""

    def __init__(self, histogram: Histogram | None = None):
        self.histogram = histogram

    def __call__(self, _: nn.Module, arguments: tuple, named: dict) -> None:
        x = arguments[0] if arguments else next(iter(named.values()))
        if isinstance(x, Tensor) and x.is_nested:
            x = torch.cat([part.flatten() for part in x.unbind()])
        if torch.compiler.is_compiling() or functorch_active() or type(x) not in PLAIN_TENSORS or not have_memory(x):
            return  # x has no values here
        if self.histogram is not None:
            self.histogram.add(x)

    def __reduce__(self) -> tuple:
        return _Count, ()
