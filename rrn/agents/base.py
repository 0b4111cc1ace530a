"""Define what all agents have: a network that acts, its optimiser, a random generator, and their state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rrn.activations.optim import parameter_groups, rational_parameters
from rrn.common.eval_mode import eval_mode
from rrn.envs.spaces import ActionSpace, Discrete
from rrn.networks.base import Network


class NotFinite(Exception):
    """Report a loss or a policy that is NaN or infinite; no optimiser step was made with it.

    Args:
        batch: tensors that it was computed from, by name.
        inputs: networks that took part, each with its observations.
        what: is not finite, for the message.
    """

    def __init__(self, batch: dict[str, Tensor], inputs: list[tuple[Network, Tensor]], what: str = "the loss"):
        super().__init__()
        self.batch, self.inputs, self.what = batch, inputs, what


class Agent(ABC):
    """Act with one trained network, whose activations are in `network.layers`.

    Args:
        network: on its device.
        optimiser: of its parameters.
        actions: of the environment; a number for as many discrete ones.
        seed: of the generator for acting and sampling.

    Attributes:
        parameters: of the network, also those that are not trained.
        deterministic: of agents that sample from a policy: take the most probable action instead, in `act`.
    """

    deterministic = False

    def __init__(self, network: Network, optimiser: torch.optim.Optimizer, actions: ActionSpace | int, seed: int):
        self.network, self.optimiser = network, optimiser
        self.action_space = Discrete(actions) if isinstance(actions, int) else actions
        self.num_actions = getattr(self.action_space, "n", None)
        self.device = next(network.parameters()).device
        self.parameters = list(network.parameters())
        self.coefficients = [p for p in rational_parameters(network) if p.requires_grad]
        self.generator = torch.Generator().manual_seed(seed)
        self.updates = 0

    def act(self, observations: np.ndarray, epsilon: float, generator: torch.Generator | None = None) -> np.ndarray:
        """Choose actions [N, *shape] for observations [N, stack, *frame], each at random with probability epsilon.

        Random numbers come from `generator`, by default the agent's own.
        """
        return self.act_with_values(observations, epsilon, generator)[0]

    @torch.no_grad()
    def act_with_values(
        self, observations: np.ndarray, epsilon: float, generator: torch.Generator | None = None
    ) -> tuple[np.ndarray, Tensor | None]:
        """Choose epsilon-greedy actions [N, *shape], and return the values [N] from the same forward pass.

        The values are the agent's estimates of the return, on its device; None if all actions are random, because the
        network is not run then.
        """
        generator, values = generator or self.generator, None
        explore = torch.rand(len(observations), generator=generator).numpy() < epsilon
        actions = self.action_space.random(len(observations), generator).numpy()
        exploring = np.count_nonzero(explore)  # of few numbers; NumPy has less overhead than torch
        if exploring < len(explore):
            with eval_mode(self.network):
                preferred, values = self.select_actions(torch.from_numpy(observations), generator)
            if exploring:
                preferred[torch.from_numpy(explore)] = torch.from_numpy(actions[explore])
            actions = preferred.numpy()
        return actions, values

    @abstractmethod
    def select_actions(self, observations: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Choose actions [N, *shape] for observations [N, stack, *frame], both on the CPU, and estimate values [N]."""

    def forward(self, observations: Tensor) -> Tensor:
        """Run the network on observations [N, stack, *frame] from the CPU; [N, outputs]."""
        return self.network(observations.to(self.device))

    def layers(self) -> dict[str, list[nn.Parameter]]:
        """Return the parameters of each layer by its name; those of a shared activation under its first name."""
        modules = self.network.layers.named_modules()
        layers = {name or "network": list(module.parameters(recurse=False)) for name, module in modules}
        return {name: parameters for name, parameters in layers.items() if parameters}

    def optimizer_step(self, loss: Tensor, max_grad_norm: float | None, measure_norm: bool) -> dict[str, float]:
        """Backpropagate a loss, clip the gradient to `max_grad_norm` if it is given, and step the optimiser.

        Returns:
            gradient_norm, before clipping, if `measure_norm` or if the gradient is clipped; else nothing.
        """
        measured = {}
        for parameter in self.parameters:  # quicker than zero_grad
            parameter.grad = None
        loss.backward()
        if measure_norm or max_grad_norm is not None:
            trained = [p for p in self.parameters if p.grad is not None]
            norm = nn.utils.get_total_norm([p.grad for p in trained])
            measured["gradient_norm"] = norm.item()
            # below it clip_grads_with_norm_ multiplies by 1
            if max_grad_norm is not None and not max_grad_norm / (norm + 1e-6) >= 1:
                nn.utils.clip_grads_with_norm_(trained, max_grad_norm, norm)
        self.optimiser.step()
        self.updates += 1
        return measured

    def set_rationals_trainable(self, on: bool) -> None:
        """Train the coefficients, or pause them; frozen ones stay frozen."""
        for coefficient in self.coefficients:
            coefficient.requires_grad_(on)

    def load_weights(self, values: dict[str, Tensor]) -> None:
        """Set some of the network's weights, by name, to those of another run."""
        self.network.load_state_dict(values, strict=False)

    def policy_state(self) -> dict:
        """Return what it takes to act, without what learning takes."""
        return {"network": self.network.state_dict()}

    def load_policy_state(self, state: dict) -> None:
        """Set what `policy_state` returned, of an agent of the same form; learning begins afresh."""
        self.network.load_state_dict(state["network"])

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


def adam(
    network: nn.Module, learning_rate: float, eps: float, lr_rational: float | None, weight_decay: float = 0.0
) -> torch.optim.Adam:
    """Make Adam for a network; `lr_rational` is the learning rate of the coefficients, None: that of the weights.

    `weight_decay` adds this share of each parameter but the coefficients to its gradient.
    """
    device = next(network.parameters()).device
    if weight_decay and lr_rational is None:
        lr_rational = learning_rate
    groups = _groups(network, learning_rate, lr_rational)
    fused = device.type in ("cpu", "cuda")
    return torch.optim.Adam(groups, lr=learning_rate, eps=eps, weight_decay=weight_decay, fused=fused)


def radam(network: nn.Module, learning_rate: float, eps: float, lr_rational: float | None) -> torch.optim.RAdam:
    """Make RAdam (Liu et al. 2020) for a network, with the arguments of `adam`."""
    return torch.optim.RAdam(_groups(network, learning_rate, lr_rational), lr=learning_rate, eps=eps)


def _groups(network: nn.Module, learning_rate: float, lr_rational: float | None) -> Iterable[Any]:
    """Return the trained parameters, in two groups if those of rationals have a learning rate of their own."""
    if lr_rational is None:
        return [p for p in network.parameters() if p.requires_grad]
    return parameter_groups(network, learning_rate, lr_rational, weight_decay=0.0)
