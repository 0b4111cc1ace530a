"""A context manager that puts a network in eval mode and restores it."""

from __future__ import annotations

from torch import nn


class eval_mode:
    """Context in which a network is in evaluation mode; the mode of each of its modules comes back at the end."""

    def __init__(self, network: nn.Module):
        self.network = network

    def __enter__(self) -> None:
        self.training = [(module, module.training) for module in self.network.modules()]
        self.network.eval()

    def __exit__(self, *error) -> None:
        for module, training in self.training:
            module.training = training
