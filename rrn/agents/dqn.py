"""DQN (Mnih et al. 2015) and Double DQN (van Hasselt et al. 2016): acting, the update and their state.

It owns the networks, the optimiser and the random numbers of acting and sampling; when to act, store
and learn is the business of the loop in trainer.py.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rrn.activations.training import parameter_groups, rational_parameters
from rrn.agents.replay import Batch
from rrn.config import DQNConfig
from rrn.evaluating import evaluating


class NotFinite(Exception):
    """The loss is NaN or infinite; `batch` is what it was computed on."""

    def __init__(self, batch: Batch):
        super().__init__()
        self.batch = batch


class DQN:
    """The agent.

    Args:
        config: its settings.
        network: makes the Q-network, on the CPU, from torch's global generator.
        seed: of the generator for acting and sampling.
        device: where the networks live.
        clip_rewards: to [-1, 1] in the update.
        lr_rational: learning rate of the coefficients of rationals; None: that of the weights.
    """

    def __init__(
        self,
        config: DQNConfig,
        network: Callable[[], nn.Module],
        seed: int,
        device: torch.device,
        clip_rewards: bool,
        lr_rational: float | None = None,
    ):
        self.config, self.device, self.clip_rewards = config, device, clip_rewards
        self.online = network().to(device)
        self.target = copy.deepcopy(self.online).requires_grad_(False).eval()
        trained = [p for p in self.online.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam(
            trained if lr_rational is None else parameter_groups(self.online, config.learning_rate, lr_rational),
            lr=config.learning_rate,
            eps=config.adam_eps,
            fused=device.type in ("cpu", "cuda"),
        )
        self.coefficients = [p for p in rational_parameters(self.online) if p.requires_grad]
        self.generator = torch.Generator().manual_seed(seed)
        self.updates = 0

    def epsilon(self, step: int) -> float:
        """Probability of a random action after `step` agent steps of training."""
        c = self.config
        return c.epsilon_start + (c.epsilon_end - c.epsilon_start) * min(step / c.epsilon_steps, 1.0)

    @torch.no_grad()
    def act(self, observations: np.ndarray, epsilon: float, generator: torch.Generator | None = None) -> np.ndarray:
        """One action [N] for each observation [N, stack, *frame]; epsilon is drawn for each apart."""
        generator = generator or self.generator
        n, num_actions = len(observations), self.num_actions
        explore = torch.rand(n, generator=generator) < epsilon
        actions = torch.randint(num_actions, (n,), generator=generator)
        if not explore.all():
            with evaluating(self.online):
                q = self.online(torch.from_numpy(observations).to(self.device))
            actions = torch.where(explore, actions, q.argmax(1).cpu())
        return actions.numpy()

    @property
    def num_actions(self) -> int:
        return self.online.layers.output.out_features

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Huber loss, a scalar, and the Q-values [B] of the actions taken."""
        rewards = batch.rewards.clamp(-1, 1) if self.clip_rewards else batch.rewards
        with torch.no_grad():
            next_q = self.target(batch.next_states)
            if self.config.double:
                best = self.online(batch.next_states).argmax(1, keepdim=True)
                next_value = next_q.gather(1, best).squeeze(1)
            else:
                next_value = next_q.amax(1)
            aim = rewards + self.config.gamma * next_value * ~batch.terminated
        q = self.online(batch.states).gather(1, batch.actions[:, None]).squeeze(1)
        return F.smooth_l1_loss(q, aim), q

    def update(self, batch: Batch, measure_norm: bool = False) -> dict[str, float]:
        """One step of Adam on a batch; loss, mean and max Q and, if asked or clipped, gradient norm.

        Raises:
            NotFinite: the loss is NaN or infinite; nothing was changed.
        """
        batch = Batch(*(t.to(self.device) for t in vars(batch).values()))
        loss, q = self.loss(batch)
        measured = dict(zip(("loss", "q_mean", "q_max"), torch.stack((loss, q.mean(), q.amax())).tolist(), strict=True))
        if not math.isfinite(measured["loss"]):
            raise NotFinite(batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        gradients = [p.grad for p in self.online.parameters() if p.grad is not None]
        if measure_norm or self.config.max_grad_norm is not None:
            norm = nn.utils.get_total_norm(gradients)
            measured["gradient_norm"] = norm.item()
            if self.config.max_grad_norm is not None:
                nn.utils.clip_grads_with_norm_(self.online.parameters(), self.config.max_grad_norm, norm)
        self.optimiser.step()
        self.updates += 1
        return measured

    def train_rationals(self, on: bool) -> None:
        """Let the coefficients learn, or wait; those that are frozen stay so."""
        for coefficient in self.coefficients:
            coefficient.requires_grad_(on)

    def copy_target(self) -> None:
        """Set the target network to the online network."""
        self.target.load_state_dict(self.online.state_dict())

    def state_dict(self) -> dict:
        return {
            "online": self.online.state_dict(),
            "target": self.target.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "updates": self.updates,
        }

    def load_state_dict(self, state: dict) -> None:
        self.online.load_state_dict(state["online"])
        self.target.load_state_dict(state["target"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])
        self.updates = state["updates"]
