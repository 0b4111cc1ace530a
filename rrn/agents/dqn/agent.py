"""DQN (Mnih et al. 2015) and its variants, each a switch: acting, the update and their state.

Double (van Hasselt et al. 2016) and multi-step learning (Hessel et al. 2018) are here, dueling and distributions in
heads.py, priorities in priorities.py, noisy layers in noisy.py. When to act, store and learn is the business of
learner.py.
"""

from __future__ import annotations

import copy
import math
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from rrn.agents.base import Agent, NotFinite, adam
from rrn.agents.dqn.heads import QHead
from rrn.agents.dqn.noisy import noise, noisy_layers
from rrn.agents.dqn.replay import TransitionBatch
from rrn.config import DQNConfig
from rrn.networks.base import Network


class DQN(Agent):
    """The agent.

    Args:
        config: its settings.
        network: on its device.
        values: what its outputs mean.
        seed: of the generator for acting and sampling.
        clip_rewards: to [-1, 1] in the update.
        lr_rational: learning rate of the coefficients of rationals; None: that of the weights.

    Attributes:
        errors: of the transitions of the last update, [B].
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
        # one call of the GPU instead of a hundred, and their gaps
        self.fast_loss = torch.compile(self.loss, mode="reduce-overhead") if config.compile else self.loss

    def epsilon(self, step: int) -> float:
        """Probability of a random action after `step` agent steps of training; 0 with noisy layers."""
        c = self.config
        if c.noisy:
            return 0.0
        return c.epsilon_start + (c.epsilon_end - c.epsilon_start) * min(step / c.epsilon_steps, 1.0)

    def beta(self, step: int) -> float | None:
        """How far weights make up for priorities after `step` agent steps (Schaul et al. 2016, section 3.4), if any."""
        c = self.config
        if not c.prioritised:
            return None
        return c.priority_beta + (1 - c.priority_beta) * min(step / c.priority_beta_steps, 1.0)

    def exploring(self) -> AbstractContextManager[None]:
        """Context in which noisy layers, if there are any, draw noise for each observation that the agent acts on."""
        return noise(self.noisy_layers, each_row=True)

    def select_actions(self, observations: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The actions of highest value, and that value."""
        q = self.values.q(self.forward(observations))
        return q.argmax(1).cpu(), q.amax(1)

    def loss(self, batch: TransitionBatch) -> tuple[Tensor, Tensor, Tensor]:
        """The mean loss, a scalar, the Q-values [B] of the actions taken, and the errors [B]."""
        rewards = batch.rewards.clamp(-1, 1) if self.clip_rewards else batch.rewards
        returns = (rewards * self.discounts[:-1]).sum(1)
        discounts = self.discounts[batch.steps] * ~batch.terminated
        with torch.no_grad():
            next_outputs = self.target(batch.next_states)
            chooser = self.network(batch.next_states) if self.config.double else next_outputs
            best = self.values.q(chooser).argmax(1)
        outputs = self.network(batch.states)
        losses, errors = self.values.losses(outputs, batch.actions, next_outputs, best, returns, discounts)
        if batch.weights is not None:
            losses = losses * batch.weights
        with torch.no_grad():
            q = self.values.q(outputs).gather(1, batch.actions[:, None]).squeeze(1)
        return losses.mean(), q, errors

    def update(self, batch: TransitionBatch, measure_norm: bool = False) -> dict[str, float]:
        """One step of Adam on a batch; loss, mean and max Q and, if asked or clipped, gradient norm.

        Raises:
            NotFinite: the loss is NaN or infinite; nothing was changed.
        """
        batch = TransitionBatch(*(t if t is None else t.to(self.device) for t in vars(batch).values()))
        with noise(self.noisy_layers + self.noisy_target):
            loss, q, self.errors = self.fast_loss(batch)
        measured = dict(zip(("loss", "q_mean", "q_max"), torch.stack((loss, q.mean(), q.amax())).tolist(), strict=True))
        if not math.isfinite(measured["loss"]):
            raise NotFinite(vars(batch), [(self.network, batch.states), (self.target, batch.next_states)])
        return measured | self.optimizer_step(loss, self.config.max_grad_norm, measure_norm)

    def copy_target(self) -> None:
        """Set the target network to the trained one."""
        self.target.load_state_dict(self.network.state_dict())

    def load_weights(self, values: dict[str, Tensor]) -> None:
        super().load_weights(values)
        self.copy_target()

    def state_dict(self) -> dict:
        return {**super().state_dict(), "target": self.target.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        self.target.load_state_dict(state["target"])
