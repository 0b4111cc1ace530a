"""Explain a non-finite loss or policy: find the first bad layer and save the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

import torch
from torch import Tensor

from rrn.activations.sites import named_activations
from rrn.agents.base import Agent, NotFinite
from rrn.common.eager import eagerly
from rrn.common.errors import UserError
from rrn.networks.base import Network


def explain_not_finite(error: NotFinite, agent: Agent, folder: Path, step: int) -> UserError:
    """Save batch and agent, and find the first layer whose parameters or output are not finite."""
    path = folder / "not_finite.pt"
    torch.save({"step": step, "batch": error.batch, "agent": agent.state_dict()}, path)
    bad_layers = (first_not_finite(network, observations) for network, observations in error.inputs)
    where = next(filter(None, bad_layers), "no layer, but in the rewards or the loss itself")
    return UserError(
        f"{error.what} is not finite at step {step}; the first value that is not finite is in {where}. The batch and "
        f"the agent are in {path}. Try a smaller agent.learning_rate or agent.max_grad_norm=10."
    )


@torch.no_grad()
def first_not_finite(network: Network, observations: torch.Tensor) -> str | None:
    """Name the first layer, in the order of computation, with a NaN or infinite parameter or output."""
    found: list[str] = []

    def check(name: str, parameters: Iterable[tuple[str, Tensor]], output: Tensor | None = None) -> None:
        found.extend(f"layer {name}, parameter {key}" for key, value in parameters if not value.isfinite().all())
        if isinstance(output, Tensor) and not output.isfinite().all():
            found.append(f"layer {name}, output")

    def hook(name: str) -> Callable:
        return lambda module, inputs, output: check(name, module.named_parameters(), output)

    sites = dict(named_activations(network.layers))
    parts = {name: module for name, module in network.layers.named_modules() if not any(module.children())} | sites
    with ExitStack() as hooks, eagerly():
        for name, module in parts.items():
            hooks.callback(module.register_forward_hook(hook(name or "network")).remove)
        network(observations)
    check("network", network.layers.named_parameters())  # those of modules with parts
    return found[0] if found else None
