"""Put a network in eval mode within a context."""

from __future__ import annotations

from torch import nn


class eval_mode:
    """Context manager that puts a network in eval mode and restores the mode of each of its modules."""

    def __init__(self, network: nn.Module):
        self.network = network

    def __enter__(self) -> None:
        self.training = [(module, module.training) for module in self.network.modules()]
        self.network.eval()

    def __exit__(self, *error) -> None:
        for module, training in self.training:
            module.training = training
