"""Classify inputs and learn from their labels, with remedies for lost plasticity that begin afresh at a new task."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rrn.agents.base import Agent, NotFinite, adam
from rrn.config import ClassifierConfig
from rrn.networks.base import Network


class Classifier(Agent):
    """Choose the label with the largest output and learn by cross entropy.

    Args:
        config: its settings.
        network: on its device; its outputs are the logits of the labels.
        fresh: makes another such network for the task with this number, on any device, with new weights.
        seed: of the generator for the order of the examples.
        lr_rational: learning rate of the coefficients of rationals; None: that of the weights.
    """

    def __init__(
        self,
        config: ClassifierConfig,
        network: Network,
        fresh: Callable[[int], Network],
        seed: int,
        lr_rational: float | None = None,
    ):
        optimiser = adam(network, config.learning_rate, config.adam_eps, lr_rational, config.weight_decay)
        super().__init__(network, optimiser, network.outputs, seed)
        self.config, self.fresh = config, fresh

    def select_actions(self, observations: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the labels with the largest output, and their probability."""
        outputs = self.forward(observations)
        return outputs.argmax(1).cpu(), outputs.softmax(1).amax(1)

    def update(self, inputs: Tensor, labels: Tensor, measure_norm: bool = False) -> tuple[int, dict[str, float]]:
        """Make one step on a batch.

        Args:
            inputs: [B, 1, *frame], on the device.
            labels: [B].
            measure_norm: measure the gradient norm.

        Returns:
            The number of labels that were right before the step; the loss and the gradient norm.

        Raises:
            NotFinite: the loss is NaN or infinite; no step was made.
        """
        outputs = self.network(inputs)
        loss = F.cross_entropy(outputs, labels)
        value, right = torch.stack((loss.detach(), (outputs.argmax(1) == labels).sum())).tolist()
        if not math.isfinite(value):
            raise NotFinite({"inputs": inputs, "labels": labels}, [(self.network, inputs)])
        return int(right), {"loss": value} | self.optimizer_step(loss, None, measure_norm)

    @torch.no_grad()
    def accuracy(self, inputs: Tensor, labels: Tensor) -> float:
        """Return the share of inputs [N, 1, *frame] that get their labels [N], in per cent."""
        right = [
            (self.network(x.to(self.device)).argmax(1) == y.to(self.device)).sum().item()
            for x, y in zip(inputs.split(4096), labels.split(4096), strict=True)
        ]
        return 100 * sum(right) / len(labels)

    @torch.no_grad()
    def begin_task(self, number: int) -> None:
        """Reset, shrink and perturb as the settings say, before the task with this number, the first one is 0."""
        c = self.config
        if number == 0 or number % c.reset_every:
            return
        if c.reset is not None:
            self.optimiser.state.clear()
        if c.reset not in ("all", "last") and c.shrink == 1 and not c.perturb:
            return
        new, last = dict(self.fresh(number).named_parameters()), _last_layer(self.network)
        for name, parameter in self.network.named_parameters():
            if c.reset == "all" or (c.reset == "last" and parameter in last):
                parameter.copy_(new[name])
            elif parameter.requires_grad:
                parameter.mul_(c.shrink).add_(new[name].to(parameter.device), alpha=c.perturb)


def _last_layer(network: Network) -> set[nn.Parameter]:
    """Return the parameters of the last linear layer."""
    *_, last = (module for module in network.layers.modules() if isinstance(module, nn.Linear))
    return set(last.parameters())
