"""Act and update with PPO (Schulman et al. 2017), with a clipped surrogate objective.

One network gives the outputs that the policy is read from (policy.py) and, as its last output, the value; with
agent.separate_value it has two parts without common layers. learner.py collects the rollouts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rrn.agents.base import Agent, NotFinite, adam
from rrn.agents.ppo.normalise import RunningMoments, normalised
from rrn.agents.ppo.policy import PolicyHead
from rrn.common.finite import all_finite
from rrn.config import PPOConfig
from rrn.networks.base import Network


@dataclass
class RolloutBatch:
    """Hold B agent steps: a whole rollout or a minibatch."""

    observations: Tensor  # [B, stack, *frame], normalised if the agent does so
    actions: Tensor  # [B, *shape], int64 or float32
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
        head: reads the policy from the other outputs.
        frame_shape: of a frame of the observations.
        seed: of the generator for acting and shuffling.
        lr_rational: learning rate of the coefficients of rationals; None: that of the weights.

    Attributes:
        observed: moments of the frames seen in training, None if observations are not normalised.
        returned: moments of the discounted returns in training, None if rewards are not normalised.
    """

    def __init__(
        self,
        config: PPOConfig,
        network: Network,
        head: PolicyHead,
        frame_shape: Sequence[int],
        seed: int,
        lr_rational: float | None = None,
    ):
        optimiser = adam(network, config.learning_rate, config.adam_eps, lr_rational)
        super().__init__(network, optimiser, head.space, seed)
        self.config, self.head = config, head
        self.observed = RunningMoments(frame_shape) if config.normalise_observations else None
        self.returned = RunningMoments() if config.normalise_rewards else None
        self.rates = [group["lr"] for group in self.optimiser.param_groups]

    def normalise(self, observations: Tensor) -> Tensor:
        """Return observations [N, stack, *frame] of the environment as the network gets them."""
        return observations if self.observed is None else normalised(observations, self.observed)

    @torch.no_grad()
    def sample_actions(
        self, observations: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Sample actions for normalised observations; return them, their log probabilities and the values, on the CPU.

        Raises:
            NotFinite: the network gives NaN or inf.
        """
        outputs, values = self._finite_outputs(observations)
        actions, log_probs = self.head.sample(outputs, generator or self.generator)
        if not all_finite(log_probs.numpy()):
            raise self._not_finite(observations)
        return actions, log_probs, values.cpu()

    def _finite_outputs(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        outputs, values = self.outputs_and_values(observations)
        if not all_finite(outputs.cpu().numpy()):
            raise self._not_finite(observations)
        return outputs, values

    def _not_finite(self, observations: Tensor) -> NotFinite:
        return NotFinite({"observations": observations}, [(self.network, observations)], "the policy")

    @torch.no_grad()
    def value(self, observations: Tensor) -> Tensor:
        """Estimate the values [N] of normalised observations [N, stack, *frame], on the CPU."""
        return self.outputs_and_values(observations)[1].cpu()

    def outputs_and_values(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Compute outputs for the policy [N, outputs] and values [N] of normalised observations [N, stack, *frame]."""
        outputs = self.forward(observations)
        return outputs[:, :-1], outputs[:, -1]

    def select_actions(self, observations: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Sample actions from the policy, or take the likeliest; return them and the values, in units of rewards."""
        seen = self.normalise(observations)
        if self.deterministic:
            outputs, values = self._finite_outputs(seen)
            actions, values = self.head.mode(outputs).cpu(), values.cpu()
        else:
            actions, _, values = self.sample_actions(seen, generator)
        return actions, values if self.returned is None else values * self.returned.scale.float()

    def loss(self, samples: RolloutBatch, clip: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss, a scalar, and its parts (Schulman et al. 2017, eq. 9, with the opposite sign).

        Args:
            samples: a minibatch.
            clip: range of the probability ratio around 1.
        """
        outputs, values = self.outputs_and_values(samples.observations)
        log_probs, entropies = self.head.evaluate(outputs, samples.actions)
        log_ratio = log_probs - samples.log_probs
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
            "entropy": entropies.mean(),
        }
        loss = parts["policy_loss"] + self.config.value_coef * parts["value_loss"]
        if self.config.entropy_coef:  # a gradient of zeros takes as long as any other
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
                with torch.no_grad():
                    values = torch.stack((loss, *parts.values())).tolist()
                if not math.isfinite(values[0]):
                    raise NotFinite(vars(batch), [(self.network, batch.observations)])
                norm = self.optimizer_step(loss, config.max_grad_norm, measure_norm)
                measured.append(dict(zip(("loss", *parts), values, strict=True)) | norm)
        return measured

    def moments(self) -> dict[str, RunningMoments]:
        """Return what observations and rewards are normalised by, observed and returned, if they are."""
        moments = {"observed": self.observed, "returned": self.returned}
        return {name: one for name, one in moments.items() if one is not None}

    def policy_state(self) -> dict:
        return super().policy_state() | {name: one.state_dict() for name, one in self.moments().items()}

    def load_policy_state(self, state: dict) -> None:
        super().load_policy_state(state)
        for name, one in self.moments().items():
            one.load_state_dict(state[name])

    def state_dict(self) -> dict:
        return super().state_dict() | {name: one.state_dict() for name, one in self.moments().items()}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        for name, one in self.moments().items():
            one.load_state_dict(state[name])
