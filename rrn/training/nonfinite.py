"""Explain a non-finite loss or policy: find the first bad layer and save the batch."""

from __future__ import annotations

from pathlib import Path

import torch

from rrn.agents.base import Agent, NotFinite
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
    """Name the first layer, in the order of the network, with a NaN or infinite parameter or output."""
    x = network.preprocess(observations)
    for name, layer in network.layers.named_children():
        for parameter, value in layer.named_parameters():
            if not value.isfinite().all():
                return f"layer {name}, parameter {parameter}"
        x = layer(x)
        if not x.isfinite().all():
            return f"layer {name}, output"
    return None
