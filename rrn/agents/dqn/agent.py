"""Act and update with DQN (Mnih et al. 2015) and its variants, each a setting.

Double (van Hasselt et al. 2016) and multi-step learning (Hessel et al. 2018) are here, the losses, dueling and
distributions in loss.py, priorities in priorities.py, noisy layers in noisy.py, DrQ's augmentation in augmentation.py.
For when to act, store and learn see learner.py.
"""

from __future__ import annotations

import copy
import math
from contextlib import AbstractContextManager
from dataclasses import replace

import torch
from torch import Tensor

from rrn.agents.base import Agent, NotFinite, adam
from rrn.agents.dqn.augmentation import augment
from rrn.agents.dqn.loss import QHead
from rrn.agents.dqn.noisy import noise, noisy_layers
from rrn.agents.dqn.replay import TransitionBatch
from rrn.config import DQNConfig
from rrn.networks.base import Network
from rrn.networks.cnn import AtariNetwork, SmallNetwork

SHARE_INPUTS = (AtariNetwork, SmallNetwork)  # networks whose inputs are pixels as floats, and stay as they are


class DQN(Agent):
    """Act by the largest Q-value and learn from transitions, with a target network.

    Args:
        config: its settings.
        network: on its device.
        values: reads Q-values from its outputs.
        seed: of the generator for acting and sampling.
        clip_rewards: clip rewards to [-1, 1] in the update.
        lr_rational: learning rate of the coefficients of rationals; None: that of the weights.

    Attributes:
        errors: of the transitions of the last update, [B]; see `QHead.losses`.
    """

    errors: Tensor

    def __init__(
        self,
        config: DQNConfig,
        network: Network,
        values: QHead,
        seed: int,
        clip_rewards: bool,
        lr_rational: float | None = None,
    ):
        optimiser = adam(network, config.learning_rate, config.adam_eps, lr_rational)
        super().__init__(network, optimiser, values.num_actions, seed)
        self.config, self.values, self.clip_rewards = config, values, clip_rewards
        self.target = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.noisy_layers, self.noisy_target = noisy_layers(self.network), noisy_layers(self.target)
        powers = torch.arange(config.n_step + 1, dtype=torch.float64)
        self.discounts = (config.gamma**powers).float().to(self.device)  # after 0, 1, ... steps
        # one CUDA graph launch instead of a hundred kernels and the gaps between them
        self.fast_loss = torch.compile(self.loss, mode="reduce-overhead") if config.compile else self.loss

    def epsilon(self, step: int) -> float:
        """Return the probability of a random action after `step` agent steps of training; 0 with noisy layers."""
        c = self.config
        if c.noisy:
            return 0.0
        return c.epsilon_start + (c.epsilon_end - c.epsilon_start) * min(step / c.epsilon_steps, 1.0)

    def beta(self, step: int) -> float | None:
        """Return the exponent of the importance-sampling weights after `step` agent steps; None without priorities.

        Schaul et al. 2016, section 3.4.
        """
        c = self.config
        if not c.prioritised:
            return None
        return c.priority_beta + (1 - c.priority_beta) * min(step / c.priority_beta_steps, 1.0)

    def exploring(self) -> AbstractContextManager[None]:
        """Return a context in which noisy layers, if any, draw their own noise for each observation."""
        return noise(self.noisy_layers, each_row=True)

    def select_actions(self, observations: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the actions with the largest Q-value, and that value."""
        values, actions = self.values.q(self.forward(observations)).max(1)
        return actions.cpu(), values

    def loss(self, batch: TransitionBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the mean loss, a scalar, the Q-values [B] of the actions taken, and the errors [B]."""
        rewards = batch.rewards.clamp(-1, 1) if self.clip_rewards else batch.rewards
        if self.config.n_step == 1:  # the same, with less overhead
            returns, discounts = rewards.squeeze(1), self.discounts[1] * ~batch.terminated
        else:
            returns = (rewards * self.discounts[:-1]).sum(1)
            discounts = self.discounts[batch.steps] * ~batch.terminated
        with torch.no_grad():
            if self.config.double and type(self.network) in SHARE_INPUTS:  # converted once for both
                inputs = self.network.preprocess(batch.next_states)
                next_outputs, choosing_outputs = self.target.layers(inputs), self.network.layers(inputs)
            else:
                next_outputs = self.target(batch.next_states)
                choosing_outputs = self.network(batch.next_states) if self.config.double else next_outputs
            next_actions = self.values.q(choosing_outputs).argmax(1)
        outputs = self.network(batch.states)
        losses, errors, q = self.values.losses(
            outputs,
            batch.actions,
            next_outputs=next_outputs,
            next_actions=next_actions,
            returns=returns,
            discounts=discounts,
        )
        if batch.weights is not None:
            losses = losses * batch.weights
        return losses.mean(), q, errors

    def augmented(self, batch: TransitionBatch) -> TransitionBatch:
        """Return the batch with augmented observations, if the agent augments them (DrQ)."""
        how = self.config.shift, self.config.intensity, self.generator
        if not any(how[:2]):
            return batch
        return replace(batch, states=augment(batch.states, *how), next_states=augment(batch.next_states, *how))

    def update(self, batch: TransitionBatch, measure_norm: bool = False) -> dict[str, float]:
        """Do one step of Adam on a batch; return loss, mean and max Q-value, and gradient norm if measured or clipped.

        Raises:
            NotFinite: the loss is NaN or infinite; the weights are unchanged.
        """
        batch = self.augmented(batch.to(self.device))
        with noise(self.noisy_layers + self.noisy_target):
            loss, q, self.errors = self.fast_loss(batch)
        found = torch.stack((loss.detach(), q.mean(), q.amax())).tolist()
        measured = dict(zip(("loss", "q_mean", "q_max"), found, strict=True))
        if not math.isfinite(measured["loss"]):
            raise NotFinite(vars(batch), [(self.network, batch.states), (self.target, batch.next_states)])
        return measured | self.optimizer_step(loss, self.config.max_grad_norm, measure_norm)

    def copy_target(self) -> None:
        """Copy the weights of the trained network to the target network."""
        self.target.load_state_dict(self.network.state_dict())

    def load_weights(self, values: dict[str, Tensor]) -> None:
        super().load_weights(values)
        self.copy_target()

    def load_policy_state(self, state: dict) -> None:
        super().load_policy_state(state)
        self.target.load_state_dict(self.network.state_dict())

    def state_dict(self) -> dict:
        return {**super().state_dict(), "target": self.target.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        self.target.load_state_dict(state["target"])
