"""What a trained agent acts by as one module of torch: from observations as the environment gives them to actions."""

from __future__ import annotations

import sys
from typing import Any, cast

import torch
from torch import Tensor, nn

from rrn.agents.base import Agent
from rrn.agents.dqn.agent import DQN
from rrn.agents.ppo.agent import PPO
from rrn.agents.ppo.normalise import RunningMoments, normalised
from rrn.agents.ppo.policy import CategoricalHead, GaussianHead, PolicyHead
from rrn.agents.pqn.agent import PQN
from rrn.common.errors import UserError
from rrn.envs.spaces import Box, Discrete


class ActingModule(nn.Module):
    """Base class: map observations [N, stack, *frame] of the environment's type to the tensors named in `outputs`.

    The first one is the greedy action: int64, [N] or [N, choices], or float32 [N, D] within its bounds. Scaling of
    pixels and normalisation of observations are part of the module.
    """

    outputs: tuple[str, ...]


class QModule(ActingModule):
    """Actions and Q-values [N, actions] of DQN and PQN; of a distribution, its mean."""

    outputs = ("action", "q_values")

    def __init__(self, agent: DQN | PQN):
        super().__init__()
        self.network = agent.network
        self.q = agent.values.q if isinstance(agent, DQN) else nn.Identity()

    def forward(self, observations: Tensor) -> tuple[Tensor, ...]:
        q = self.q(self.network(observations))
        return q.argmax(1), q


class SB3QModule(ActingModule):
    """Actions and Q-values [N, actions] of a DQN of Stable-Baselines3; `policy` is its q_net."""

    outputs = QModule.outputs

    def __init__(self, policy: Any):
        super().__init__()
        self.policy, self.shape = policy, policy.observation_space.shape

    def forward(self, observations: Tensor) -> tuple[Tensor, ...]:
        q = self.policy(observations.reshape(-1, *self.shape))
        return q.argmax(1), q


class ActorCriticModule(ActingModule):
    """Base class: actions, the logits or the mean and log_std that they are drawn from, and values [N]."""

    low: Tensor  # [D], where actions are a Box
    high: Tensor

    def __init__(self, head: PolicyHead):
        super().__init__()
        self.head = head
        policy = ("mean", "log_std") if isinstance(head, GaussianHead) else ("logits",)
        self.outputs = ("action", *policy, "value")
        if isinstance(head, GaussianHead):
            space = cast(Box, head.space)
            self.register_buffer("low", torch.from_numpy(space.low))
            self.register_buffer("high", torch.from_numpy(space.high))

    def all_outputs(self, policy: Tensor, value: Tensor, log_std: Tensor | None) -> tuple[Tensor, ...]:
        """Return the outputs for what the network gives, [N, outputs] and [N], and log_std [D] of a Gaussian."""
        action = self.head.mode(policy)
        if not isinstance(self.head, GaussianHead):
            return action, policy, value
        return action.maximum(self.low).minimum(self.high), policy, log_std.expand_as(policy), value


class PPOModule(ActorCriticModule):
    """Outputs of PPO; values are in the unit of the rewards, as the agent estimates them."""

    unit: Tensor

    def __init__(self, agent: PPO):
        super().__init__(agent.head)
        self.network = agent.network
        self.normalises = agent.observed is not None
        if agent.observed is not None:
            self.register_buffer("mean", agent.observed.mean)
            self.register_buffer("scale", agent.observed.scale)
        self.register_buffer("unit", torch.ones(()) if agent.returned is None else agent.returned.scale.float())

    def forward(self, observations: Tensor) -> tuple[Tensor, ...]:
        if self.normalises:
            observations = normalised(observations, cast(RunningMoments, self))  # whose mean and scale it has
        outputs = self.network(observations)
        policy, value = outputs[:, :-1], outputs[:, -1] * self.unit
        return self.all_outputs(policy, value, getattr(self.network, "log_std", None))


class SB3ActorCriticModule(ActorCriticModule):
    """Outputs of a PPO of Stable-Baselines3."""

    def __init__(self, policy: Any, head: PolicyHead):
        super().__init__(head)
        self.policy, self.shape = policy, policy.observation_space.shape

    def forward(self, observations: Tensor) -> tuple[Tensor, ...]:
        features = self.policy.extract_features(observations.reshape(-1, *self.shape))
        shared = not isinstance(features, tuple)
        for_policy, for_value = (features, features) if shared else features
        policy = self.policy.action_net(self.policy.mlp_extractor.forward_actor(for_policy))
        value = self.policy.value_net(self.policy.mlp_extractor.forward_critic(for_value)).squeeze(1)
        return self.all_outputs(policy, value, getattr(self.policy, "log_std", None))


def acting_module(agent: Agent) -> ActingModule:
    """Make the module of an agent, in eval mode and with the agent's own weights.

    Raises:
        UserError: the agent is of a class of the user's own.
    """
    sb3 = sys.modules.get("rrn.agents.sb3.agent")  # where an agent of it was made
    if isinstance(agent, DQN | PQN):
        module: ActingModule = QModule(agent)
    elif isinstance(agent, PPO):
        module = PPOModule(agent)
    elif sb3 is not None and isinstance(agent, sb3.SB3Agent):
        policy = agent.policy
        module = (
            SB3ActorCriticModule(policy, CategoricalHead(Discrete(agent.num_actions)))
            if agent.on_policy
            else SB3QModule(policy)
        )
    else:
        raise UserError(
            f"agent: expected DQN, PPO, PQN or one of Stable-Baselines3, got {type(agent).__name__}, whose outputs "
            "are not known here; safetensors has its weights."
        )
    return module.eval().requires_grad_(False)
