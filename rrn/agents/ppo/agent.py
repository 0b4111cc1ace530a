"""Act and update with PPO (Schulman et al. 2017), with a clipped surrogate objective.

One network gives the logits of the policy and, as its last output, the value. learner.py collects the rollouts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rrn.agents.base import Agent, NotFinite, adam
from rrn.config import PPOConfig
from rrn.networks.base import Network


@dataclass
class RolloutBatch:
    """Hold B agent steps: a whole rollout or a minibatch."""

    observations: Tensor  # [B, stack, *frame]
    actions: Tensor  # [B] int64
    log_probs: Tensor  # [B] of these actions, when they were sampled
    values: Tensor  # [B] as estimated then
    advantages: Tensor  # [B]
    returns: Tensor  # [B] targets of the value

    def __getitem__(self, rows: Tensor) -> RolloutBatch:
        """Select rows [K]."""
        # quicker than t[rows]
        return RolloutBatch(**{name: t.index_select(0, rows) for name, t in vars(self).items()})

    def to(self, device: torch.device) -> RolloutBatch:
        """Copy the tensors to a device."""
        return RolloutBatch(**{name: t.to(device) for name, t in vars(self).items()})


class PPO(Agent):
    """Sample actions from a learned policy and update it on rollouts.

    Args:
        config: its settings.
        network: on its device; the value is its last output.
        seed: of the generator for acting and shuffling.
        lr_rational: learning rate of the coefficients of rationals; None: that of the weights.
    """

    def __init__(self, config: PPOConfig, network: Network, seed: int, lr_rational: float | None = None):
        optimiser = adam(network, config.learning_rate, config.adam_eps, lr_rational)
        super().__init__(network, optimiser, network.outputs - 1, seed)
        self.config = config
        self.rates = [group["lr"] for group in self.optimiser.param_groups]

    @torch.no_grad()
    def sample_actions(
        self, observations: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Sample actions from the policy; return them, their log probabilities and the values, all [N] on the CPU.

        Raises:
            NotFinite: the network gives NaN or inf.
        """
        logits, values = self.logits_and_values(observations)
        log_probs = logits.log_softmax(1).cpu()
        if not log_probs.isfinite().all():
            raise NotFinite({"observations": observations}, [(self.network, observations)], "the policy")
        actions = torch.multinomial(log_probs.exp(), 1, generator=generator or self.generator)
        return actions.squeeze(1), log_probs.gather(1, actions).squeeze(1), values.cpu()

    @torch.no_grad()
    def value(self, observations: Tensor) -> Tensor:
        """Estimate the values [N] of observations [N, stack, *frame], on the CPU."""
        return self.logits_and_values(observations)[1].cpu()

    def logits_and_values(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Compute logits [N, actions] and values [N] of observations [N, stack, *frame]."""
        outputs = self.forward(observations)
        return outputs[:, :-1], outputs[:, -1]

    def select_actions(self, observations: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Sample actions from the policy; return them and the values of the observations."""
        actions, _, values = self.sample_actions(observations, generator)
        return actions, values

    def loss(self, samples: RolloutBatch, clip: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss, a scalar, and its parts (Schulman et al. 2017, eq. 9, with the opposite sign).

        Args:
            samples: a minibatch.
            clip: range of the probability ratio around 1.
        """
        logits, values = self.logits_and_values(samples.observations)
        log_policy = logits.log_softmax(1)
        log_ratio = log_policy.gather(1, samples.actions[:, None]).squeeze(1) - samples.log_probs
        ratio = log_ratio.exp()
        advantages = samples.advantages
        if self.config.normalise_advantages and len(advantages) > 1:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        surrogate = torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
        error = (values - samples.returns).square()
        if self.config.clip_value:
            clipped = samples.values + (values - samples.values).clamp(-clip, clip)
            error = torch.maximum(error, (clipped - samples.returns).square())
        parts = {
            "policy_loss": -surrogate.mean(),
            "value_loss": error.mean(),
            "entropy": -(log_policy.exp() * log_policy).sum(1).mean(),
        }
        loss = parts["policy_loss"] + self.config.value_coef * parts["value_loss"]
        loss = loss - self.config.entropy_coef * parts["entropy"]
        with torch.no_grad():
            parts["approx_kl"] = (ratio - 1 - log_ratio).mean()  # Schulman, "Approximating KL divergence", 2020
            parts["clip_fraction"] = ((ratio - 1).abs() > clip).float().mean()
        return loss, parts

    def update(
        self, samples: RolloutBatch, fraction: float = 1.0, measure_norm: bool = False
    ) -> list[dict[str, float]]:
        """Do all epochs over one rollout.

        Args:
            samples: the whole rollout.
            fraction: of the learning rate and the clip range.
            measure_norm: measure the gradient norm of each minibatch; with clipping it is measured anyway.

        Returns:
            The loss, its parts and the gradient norm of each minibatch.

        Raises:
            NotFinite: a loss is NaN or infinite; the steps of the minibatches before it were made.
        """
        config, device = self.config, self.device
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * fraction
        samples = samples.to(device)
        measured = []
        for _ in range(config.epochs):
            order = torch.randperm(len(samples.actions), generator=self.generator).to(device)
            for rows in order.split(config.batch_size):
                batch = samples[rows]
                loss, parts = self.loss(batch, config.clip * fraction)
                values = torch.stack((loss, *parts.values())).tolist()
                if not math.isfinite(values[0]):
                    raise NotFinite(vars(batch), [(self.network, batch.observations)])
                norm = self.optimizer_step(loss, config.max_grad_norm, measure_norm)
                measured.append(dict(zip(("loss", *parts), values, strict=True)) | norm)
        return measured
