"""Count the inputs of the activations of a torch model in histograms: `record_inputs`.

Counts stay on the device of the model until they are read.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from rrn.activations.inspection.histogram import BINS, Histogram
from rrn.activations.ops.kernels import have_memory
from rrn.activations.ops.operator import PLAIN_TENSORS
from rrn.activations.ops.torch_private import functorch_active
from rrn.activations.rational import coefficients_of
from rrn.activations.sites import named_activations
from rrn.common.eager import eagerly


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
