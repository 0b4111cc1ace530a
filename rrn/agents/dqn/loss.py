"""Compute the loss of DQN: scalar (Huber) or categorical (C51).

Each loss is in the head that reads Q-values, or distributions of returns, from the outputs of a network, with or
without dueling.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F


class QHead(ABC):
    """Read the outputs of a network as `atoms` numbers for each action, one action after the other.

    With dueling (Wang et al. 2016, equation 9) these are advantages, and the state's own value comes last:
    Q(s, a) = V(s) + A(s, a) - mean over a' of A(s, a').

    Args:
        num_actions: number of actions of the environment.
        dueling: whether the outputs are advantages and a value.
    """

    atoms = 1  # outputs for each action

    def __init__(self, num_actions: int, dueling: bool):
        self.num_actions, self.dueling = num_actions, dueling

    @property
    def outputs(self) -> int:
        """Return the number of units that the network's last layer needs."""
        return (self.num_actions + self.dueling) * self.atoms

    @property
    def streams(self) -> dict[str, int]:
        """Return the units of the parts of the last layer, with dueling, in their order."""
        return {"advantages": self.num_actions * self.atoms, "value": self.atoms}

    def per_action(self, outputs: Tensor) -> Tensor:
        """Split outputs [B, outputs] by action, with dueling combined, to [B, actions, atoms]."""
        rows = outputs.unflatten(1, (-1, self.atoms))
        if not self.dueling:
            return rows
        advantages, value = rows[:, :-1], rows[:, -1:]
        return value + advantages - advantages.mean(1, keepdim=True)

    def gather(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """Take one action of each state, [B, atoms], from outputs [B, outputs] and actions [B]."""
        rows = self.per_action(outputs)
        return rows.gather(1, actions[:, None, None].expand(-1, 1, self.atoms)).squeeze(1)

    @abstractmethod
    def q(self, outputs: Tensor) -> Tensor:
        """Compute Q-values [B, actions], the expected returns, from outputs [B, outputs]."""

    @abstractmethod
    def losses(
        self,
        outputs: Tensor,
        actions: Tensor,
        *,
        next_outputs: Tensor,
        next_actions: Tensor,
        returns: Tensor,
        discounts: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the loss [B] of each transition, its error [B], which is its priority, and the Q-value [B].

        The Q-value is that of the action taken; it has no gradient, nor has the error.

        Args:
            outputs: of the network for the states, [B, outputs].
            actions: taken in the states, [B].
            next_outputs: of the target network for the next states, [B, outputs]; without gradient.
            next_actions: whose value there is bootstrapped, [B].
            returns: discounted sums of the rewards between the two states, [B].
            discounts: of the bootstrapped value, [B]; 0 where the episode terminated.
        """


class ScalarQHead(QHead):
    """Read one number for each action, its Q-value; the loss is Huber's."""

    def q(self, outputs: Tensor) -> Tensor:
        return self.per_action(outputs).squeeze(2) if self.dueling else outputs

    def losses(self, outputs, actions, *, next_outputs, next_actions, returns, discounts):
        """Compute the Huber loss of the temporal-difference error, and its absolute value (Mnih et al. 2015, methods).

        The target is r + gamma^n Q_target(s', a'), with the returns r of up to n steps.
        """
        targets = returns + discounts * self.q(next_outputs).gather(1, next_actions[:, None]).squeeze(1)
        q = self.q(outputs).gather(1, actions[:, None]).squeeze(1)
        taken = q.detach()
        return F.smooth_l1_loss(q, targets, reduction="none"), (targets - taken).abs(), taken


class CategoricalQHead(QHead):
    """Read a distribution of the return of each action, over equally spaced atoms (C51, Bellemare et al. 2017).

    Args:
        low, high: returns at the first and the last atom.
        atoms: number of atoms.
    """

    def __init__(self, num_actions: int, dueling: bool, low: float, high: float, atoms: int):
        super().__init__(num_actions, dueling)
        self.atoms, self.low, self.high = atoms, low, high

    def support(self, device: torch.device) -> Tensor:
        """Compute the return that each atom represents, [atoms]."""
        return torch.linspace(self.low, self.high, self.atoms, device=device)

    def q(self, outputs: Tensor) -> Tensor:
        return self.per_action(outputs).softmax(2) @ self.support(outputs.device)

    def losses(self, outputs, actions, *, next_outputs, next_actions, returns, discounts):
        """Compute the cross entropy with the projected distribution of the target network (algorithm 1).

        The error is the Kullback-Leibler divergence (Hessel et al. 2018).
        """
        next_distribution = self.gather(next_outputs, next_actions).softmax(1)
        support = self.support(outputs.device)
        next_support = returns[:, None] + discounts[:, None] * support
        targets = self.project(next_support, next_distribution)
        logarithms = self.gather(outputs, actions).log_softmax(1)
        losses = -(targets * logarithms).sum(1)
        errors = (losses.detach() + torch.xlogy(targets, targets).sum(1)).clamp(min=0)
        return losses, errors, logarithms.detach().exp() @ support

    def project(self, returns: Tensor, probabilities: Tensor) -> Tensor:
        """Project probabilities [B, K] of returns [B, K] onto the atoms next to each, [B, atoms]."""
        last = self.atoms - 1
        position = ((returns - self.low) * (last / (self.high - self.low))).clamp(0, last)
        share = 1 - (position[:, :, None] - torch.arange(self.atoms, device=position.device)).abs()  # [B, K, atoms]
        return (share.clamp(min=0) * probabilities[:, :, None]).sum(1)
