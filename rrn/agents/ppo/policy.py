"""Draw actions from the outputs of a network, for each kind of action space: the heads of PPO's policy."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from rrn.envs.spaces import ActionSpace, Box, Discrete, MultiDiscrete


class PolicyHead(ABC):
    """Base class of the heads.

    Attributes:
        space: of the actions.
        outputs: number of outputs of the network that it reads.
    """

    space: ActionSpace
    outputs: int

    @abstractmethod
    def sample(self, outputs: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw actions [N, *shape] for outputs [N, outputs]; return them and log probabilities [N], on the CPU."""

    @abstractmethod
    def evaluate(self, outputs: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log probabilities [B] of actions [B, *shape] and the entropies [B], for outputs [B, outputs]."""

    @abstractmethod
    def mode(self, outputs: Tensor) -> Tensor:
        """Return the likeliest actions [N, *shape] for outputs [N, outputs]; for a Gaussian these are the means."""


class CategoricalHead(PolicyHead):
    """One of n actions, by logits."""

    def __init__(self, space: Discrete):
        self.space, self.outputs = space, space.n

    def sample(self, outputs: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        log_policy = outputs.log_softmax(1).cpu()
        actions = torch.multinomial(log_policy.exp(), 1, generator=generator)
        return actions.squeeze(1), log_policy.gather(1, actions).squeeze(1)

    def evaluate(self, outputs: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        log_policy = outputs.log_softmax(1)
        log_probs = log_policy.gather(1, actions[:, None]).squeeze(1)
        return log_probs, -(log_policy.exp() * log_policy).sum(1)

    def mode(self, outputs: Tensor) -> Tensor:
        return outputs.argmax(1)


class MultiCategoricalHead(PolicyHead):
    """Several choices, each by logits of its own, independent of each other."""

    def __init__(self, space: MultiDiscrete):
        self.space, self.outputs = space, sum(space.sizes)
        self.heads = [CategoricalHead(Discrete(size)) for size in space.sizes]

    def sample(self, outputs: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        each = [head.sample(part, generator) for head, part in self._parts(outputs)]
        actions, log_probs = zip(*each, strict=True)
        return torch.stack(actions, 1), torch.stack(log_probs).sum(0)

    def evaluate(self, outputs: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        parts, choices = self._parts(outputs), actions.unbind(1)
        each = [head.evaluate(part, choice) for (head, part), choice in zip(parts, choices, strict=True)]
        log_probs, entropies = (torch.stack(values).sum(0) for values in zip(*each, strict=True))
        return log_probs, entropies

    def mode(self, outputs: Tensor) -> Tensor:
        return torch.stack([head.mode(part) for head, part in self._parts(outputs)], 1)

    def _parts(self, outputs: Tensor) -> list[tuple[CategoricalHead, Tensor]]:
        """Return the head of each choice and its part of the outputs."""
        parts = outputs.split([head.outputs for head in self.heads], 1)
        return list(zip(self.heads, parts, strict=True))


class GaussianHead(PolicyHead):
    """A vector by its mean, with standard deviations that do not depend on the state (Schulman et al. 2017, 6.1).

    Samples are not clipped here: the environment clips what it plays, and the probabilities are those of the samples.

    Args:
        space: of the actions.
        log_std: [D] logarithms of the standard deviations, a parameter of the network.
    """

    def __init__(self, space: Box, log_std: nn.Parameter):
        self.space, self.outputs, self.log_std = space, space.shape[0], log_std

    def sample(self, outputs: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        mean, log_std = outputs.cpu(), self.log_std.detach().cpu()
        noise = torch.randn(mean.shape, generator=generator)
        return mean + log_std.exp() * noise, _log_density(noise, log_std)

    def evaluate(self, outputs: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        entropy = (self.log_std + 0.5 * math.log(2 * math.pi * math.e)).sum()
        return _log_density((actions - outputs) / self.log_std.exp(), self.log_std), entropy.expand(len(actions))

    def mode(self, outputs: Tensor) -> Tensor:
        return outputs


def _log_density(noise: Tensor, log_std: Tensor) -> Tensor:
    """Return the log density [B] of mean + std * noise, for noise [B, D]."""
    return (-0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)).sum(1)


def make_head(space: ActionSpace, network: nn.Module) -> PolicyHead:
    """Make the head for a space of actions; the parameter that a Gaussian needs is added to the network."""
    if isinstance(space, Discrete):
        return CategoricalHead(space)
    if isinstance(space, MultiDiscrete):
        return MultiCategoricalHead(space)
    assert isinstance(space, Box)
    network.log_std = nn.Parameter(torch.zeros(space.shape))
    return GaussianHead(space, network.log_std)


def outputs_of(space: ActionSpace) -> int:
    """Return the number of outputs of the network that the head for a space reads."""
    if isinstance(space, MultiDiscrete):
        return sum(space.sizes)
    return space.n if isinstance(space, Discrete) else space.shape[0]
