"""Act and update with PQN (Gallici et al. 2024): Q-learning on rollouts, without replay buffer and target network.

It relies on many environments and on layer normalisation, `network.norm=layer`. learner.py collects the rollouts.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rrn.agents.base import Agent, NotFinite, radam
from rrn.config import PQNConfig
from rrn.networks.base import Network


class PQN(Agent):
    """Act by the largest Q-value and learn lambda returns of rollouts.

    Args:
        config: its settings.
        network: on its device; its outputs are the Q-values.
        seed: of the generator for acting and shuffling.
        lr_rational: learning rate of the coefficients of rationals; None: that of the weights.
    """

    def __init__(self, config: PQNConfig, network: Network, seed: int, lr_rational: float | None = None):
        optimiser = radam(network, config.learning_rate, config.adam_eps, lr_rational)
        super().__init__(network, optimiser, network.outputs, seed)
        self.config = config
        self.rates = [group["lr"] for group in self.optimiser.param_groups]

    def epsilon(self, step: int) -> float:
        """Return the probability of a random action after `step` agent steps of training."""
        c = self.config
        return c.epsilon_start + (c.epsilon_end - c.epsilon_start) * min(step / c.epsilon_steps, 1.0)

    def select_actions(self, observations: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the actions with the largest Q-value, and that value."""
        q = self.forward(observations)
        return q.argmax(1).cpu(), q.amax(1)

    @torch.no_grad()
    def value(self, observations: Tensor) -> Tensor:
        """Return the largest Q-value [N] of observations [N, stack, *frame], on the CPU."""
        return self.forward(observations).amax(1).cpu()

    def loss(self, observations: Tensor, actions: Tensor, returns: Tensor) -> tuple[Tensor, Tensor]:
        """Compute half the mean squared error, a scalar, and the Q-values [B] of the actions taken.

        Args:
            observations: [B, stack, *frame].
            actions: [B] taken there.
            returns: [B] targets of their Q-values.
        """
        q = self.network(observations).gather(1, actions[:, None]).squeeze(1)
        return 0.5 * (q - returns).square().mean(), q.detach()

    def update(
        self, observations: Tensor, actions: Tensor, returns: Tensor, fraction: float = 1.0, measure_norm: bool = False
    ) -> list[dict[str, float]]:
        """Do all epochs over one rollout of B agent steps; the arguments are those of `loss`, and more.

        Args:
            observations, actions, returns: of the whole rollout.
            fraction: of the learning rate.
            measure_norm: measure the gradient norm of each minibatch; with clipping it is measured anyway.

        Returns:
            The loss, the mean and largest Q-value and the gradient norm of each minibatch.

        Raises:
            NotFinite: a loss is NaN or infinite; the steps of the minibatches before it were made.
        """
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * fraction
        rollout = [tensor.to(self.device) for tensor in (observations, actions, returns)]
        measured = []
        for _ in range(self.config.epochs):
            order = torch.randperm(len(actions), generator=self.generator).to(self.device)
            for rows in order.split(self.config.batch_size):
                batch = [tensor.index_select(0, rows) for tensor in rollout]  # quicker than tensor[rows]
                loss, q = self.loss(*batch)
                values = torch.stack((loss, q.mean(), q.amax())).tolist()
                if not math.isfinite(values[0]):
                    names = ("observations", "actions", "returns")
                    raise NotFinite(dict(zip(names, batch, strict=True)), [(self.network, batch[0])])
                norm = self.optimizer_step(loss, self.config.max_grad_norm, measure_norm)
                measured.append(dict(zip(("loss", "q_mean", "q_max"), values, strict=True)) | norm)
        return measured
