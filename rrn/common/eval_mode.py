"""Put a network in eval mode within a context."""

from __future__ import annotations

from torch import nn


class eval_mode:
    """Context manager that puts a network in eval mode and restores the mode of each of its modules."""

    def __init__(self, network: nn.Module):
        self.network = network

    def __enter__(self) -> None:
        self.changed, modules = [], [self.network]
        for module in modules:  # quicker than modules() and eval(): an agent that acts does this at each step
            if module.training:
                object.__setattr__(module, "training", False)  # past the search for parameters of that name
                self.changed.append(module)
            modules += filter(None, module._modules.values())

    def __exit__(self, *error) -> None:
        for module in self.changed:
            object.__setattr__(module, "training", True)
