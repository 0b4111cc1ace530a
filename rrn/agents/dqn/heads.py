"""How DQN reads action values off the outputs of its network: numbers or distributions, with or without dueling."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F


class QHead(ABC):
    """Base: the outputs are those of each action, one after the other.

    With dueling (Wang et al. 2016, equation 9) they are advantages, and those of the state's own value come last:
    Q(s, a) = V(s) + A(s, a) - mean over a' of A(s, a').

    Args:
        num_actions: of the games.
        dueling: whether.
    """

    atoms = 1  # outputs for each action

    def __init__(self, num_actions: int, dueling: bool):
        self.num_actions, self.dueling = num_actions, dueling

    @property
    def outputs(self) -> int:
        """Units of the network's last layer."""
        return (self.num_actions + self.dueling) * self.atoms

    def per_action(self, outputs: Tensor) -> Tensor:
        """The outputs of each action, [B, actions, atoms], dueling done; [B, outputs] in."""
        rows = outputs.unflatten(1, (-1, self.atoms))
        if not self.dueling:
            return rows
        advantages, value = rows[:, :-1], rows[:, -1:]
        return value + advantages - advantages.mean(1, keepdim=True)

    def gather(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """Those of one action for each state, [B, atoms]; [B, outputs] and [B] in."""
        rows = self.per_action(outputs)
        return rows.gather(1, actions[:, None, None].expand(-1, 1, self.atoms)).squeeze(1)

    @abstractmethod
    def q(self, outputs: Tensor) -> Tensor:
        """Expected returns, [B, actions]."""

    @abstractmethod
    def losses(
        self, outputs: Tensor, actions: Tensor, next_outputs: Tensor, best: Tensor, returns: Tensor, discounts: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The loss of each transition, [B], and its error, [B] without gradient, which is its priority.

        Args:
            outputs: of the network for the states, [B, outputs].
            actions: those taken, [B].
            next_outputs: of the target network for the states that followed, [B, outputs]; without gradient.
            best: actions there, [B].
            returns: discounted rewards on the way there, [B].
            discounts: of the value there, [B]; 0 where the episode ended before.
        """


class ScalarQHead(QHead):
    """One number for each action, its expected return; Huber loss (Mnih et al. 2015, methods)."""

    def q(self, outputs: Tensor) -> Tensor:
        return self.per_action(outputs).squeeze(2)

    def losses(self, outputs, actions, next_outputs, best, returns, discounts) -> tuple[Tensor, Tensor]:
        aim = returns + discounts * self.gather(next_outputs, best).squeeze(1)
        q = self.gather(outputs, actions).squeeze(1)
        return F.smooth_l1_loss(q, aim, reduction="none"), (aim - q.detach()).abs()


class CategoricalQHead(QHead):
    """A distribution of the return of each action, over atoms at equal distances (C51, Bellemare et al. 2017).

    Args:
        low, high: returns at the first and the last atom.
        atoms: how many there are.
    """

    def __init__(self, num_actions: int, dueling: bool, low: float, high: float, atoms: int):
        super().__init__(num_actions, dueling)
        self.atoms, self.low, self.high = atoms, low, high

    def support(self, device: torch.device) -> Tensor:
        """The atoms' returns, [atoms]."""
        return torch.linspace(self.low, self.high, self.atoms, device=device)

    def q(self, outputs: Tensor) -> Tensor:
        return self.per_action(outputs).softmax(2) @ self.support(outputs.device)

    def losses(self, outputs, actions, next_outputs, best, returns, discounts) -> tuple[Tensor, Tensor]:
        """Cross entropy with the target network's distribution, moved and project onto the atoms (algorithm 1).

        The error is the Kullback-Leibler divergence (Hessel et al. 2018).
        """
        following = self.gather(next_outputs, best).softmax(1)
        moved = returns[:, None] + discounts[:, None] * self.support(outputs.device)
        aim = self.project(moved, following)
        losses = -(aim * self.gather(outputs, actions).log_softmax(1)).sum(1)
        return losses, (losses.detach() + torch.xlogy(aim, aim).sum(1)).clamp(min=0)

    def project(self, returns: Tensor, probabilities: Tensor) -> Tensor:
        """Probabilities [B, K] of some returns [B, K], shared out to the atoms next to each, [B, atoms]."""
        last = self.atoms - 1
        place = ((returns - self.low) * (last / (self.high - self.low))).clamp(0, last)
        share = 1 - (place[:, :, None] - torch.arange(self.atoms, device=place.device)).abs()  # [B, K, atoms]
        return (share.clamp(min=0) * probabilities[:, :, None]).sum(1)
