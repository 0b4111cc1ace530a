"""The picture of what the activations of a network are, over the histograms of what comes into them."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from rrn.agents.dqn import evaluating
from rrn.agents.networks import places

CURVE, BARS = "#1f4e9c", "#c9ccd3"


@torch.no_grad()
def record_inputs(network: nn.Module, observations: Tensor) -> dict[str, Tensor]:
    """Flat inputs of the activation at each place, by name, when the network sees the observations."""
    inputs: dict[str, Tensor] = {}

    def remember(name: str):
        return lambda module, arguments: inputs.__setitem__(name, arguments[0].flatten().float().cpu())

    hooks = [module.register_forward_pre_hook(remember(name)) for name, module in places(network)]
    try:
        with evaluating(network):
            network(observations)
    finally:
        for hook in hooks:
            hook.remove()
    return inputs


@torch.no_grad()
def draw_shapes(network: nn.Module, inputs: dict[str, Tensor], title: str) -> Figure:
    """One panel for each place: the activation as a line, its inputs as a histogram behind it."""
    modules = dict(places(network))
    figure = Figure(figsize=(3.2 * len(modules), 3.0), layout="constrained")
    for axes, (name, module) in zip(figure.subplots(1, len(modules), squeeze=False)[0], modules.items(), strict=True):
        values = inputs[name].numpy()
        values = values[np.isfinite(values)]
        edge = max(np.quantile(np.abs(values), 0.998) * 1.1, 1e-3) if len(values) else 1.0
        bars = axes.twinx()
        bars.hist(values, bins=80, range=(-edge, edge), color=BARS)
        bars.set_yticks([])
        x = torch.linspace(-edge, edge, 401, device=next(network.parameters()).device)
        with evaluating(module):
            y = module(x[:, None])  # [401, 1], or [401, 2] for CReLU
        axes.plot(x.cpu(), y.cpu(), color=CURVE, linewidth=2)
        axes.set_zorder(bars.get_zorder() + 1)
        axes.patch.set_visible(False)
        axes.axhline(0, color="0.6", linewidth=0.6)
        axes.axvline(0, color="0.6", linewidth=0.6)
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("input")
        for side in (axes, bars):
            side.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=10)
    return figure
