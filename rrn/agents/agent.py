"""What all agents of our own have: a network, its optimiser, their random numbers and the state of all that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from rrn.activations.training import parameter_groups, rational_parameters


class NotFinite(Exception):
    """The loss is NaN or infinite; nothing was changed.

    Args:
        batch: what it was computed on, by name.
        inputs: the networks that took part, with the observations they were given.
    """

    def __init__(self, batch: dict[str, Tensor], inputs: list[tuple[nn.Module, Tensor]]):
        super().__init__()
        self.batch, self.inputs = batch, inputs


class Agent(ABC):
    """An agent with one trained network.

    Args:
        network: makes it, on the CPU, from torch's global generator.
        seed: of the generator for acting and sampling.
        device: where the network lives.
        learning_rate, adam_eps: of Adam.
        lr_rational: learning rate of the coefficients of rationals; None: that of the weights.
    """

    def __init__(
        self,
        network: Callable[[], nn.Module],
        seed: int,
        device: torch.device,
        learning_rate: float,
        adam_eps: float,
        lr_rational: float | None = None,
    ):
        self.device = device
        self.network = network().to(device)
        trained = [p for p in self.network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam(
            trained if lr_rational is None else parameter_groups(self.network, learning_rate, lr_rational),
            lr=learning_rate,
            eps=adam_eps,
            fused=device.type in ("cpu", "cuda"),
        )
        self.coefficients = [p for p in rational_parameters(self.network) if p.requires_grad]
        self.generator = torch.Generator().manual_seed(seed)
        self.updates = 0

    @abstractmethod
    def act(self, observations: np.ndarray, epsilon: float, generator: torch.Generator | None = None) -> np.ndarray:
        """One action [N] for each observation [N, stack, *frame], at random with probability `epsilon`.

        Random numbers come from `generator`, or the agent's own.
        """

    def descend(self, loss: Tensor, max_grad_norm: float | None, measure_norm: bool) -> dict[str, float]:
        """One step of Adam on a loss, with its gradient clipped to a norm if one is given.

        Returns:
            The norm of the gradient before clipping, as gradient_norm, if asked for or clipped.
        """
        measured = {}
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if measure_norm or max_grad_norm is not None:
            norm = nn.utils.get_total_norm([p.grad for p in self.network.parameters() if p.grad is not None])
            measured["gradient_norm"] = norm.item()
            if max_grad_norm is not None:
                nn.utils.clip_grads_with_norm_(self.network.parameters(), max_grad_norm, norm)
        self.optimiser.step()
        self.updates += 1
        return measured

    def train_rationals(self, on: bool) -> None:
        """Let the coefficients learn, or wait; those that are frozen stay so."""
        for coefficient in self.coefficients:
            coefficient.requires_grad_(on)

    def set_weights(self, values: dict[str, Tensor]) -> None:
        """Set some of the network's weights to those of another run, by their names."""
        self.network.load_state_dict(values, strict=False)

    def state_dict(self) -> dict:
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "updates": self.updates,
        }

    def load_state_dict(self, state: dict) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])
        self.updates = state["updates"]
