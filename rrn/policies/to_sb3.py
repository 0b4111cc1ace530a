"""Trained agents as models of Stable-Baselines3, with the activations of rrn.sb3 in their features extractor."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import stable_baselines3
import torch
from gymnasium import Env, spaces
from torch import Tensor, nn

from rrn.activations.rational import SharedRational
from rrn.agents.base import Agent
from rrn.agents.dqn.agent import DQN
from rrn.agents.dqn.loss import CategoricalQHead
from rrn.agents.ppo.agent import PPO
from rrn.agents.ppo.policy import GaussianHead, PolicyHead
from rrn.agents.pqn.agent import PQN
from rrn.agents.sb3.agent import SB3Agent
from rrn.agents.sb3.vec_env import observation_space
from rrn.common.errors import UserError
from rrn.config import Config
from rrn.envs import VectorEnv
from rrn.envs.spaces import ActionSpace, Box, Discrete, MultiDiscrete
from rrn.networks.base import PolicyAndValue
from rrn.networks.build import activation_of
from rrn.policies.acting import ActingModule, SB3ActorCriticModule, SB3QModule
from rrn.sb3 import policy_kwargs

BUFFER = 10_000  # transitions of a DQN's replay buffer; loading the model takes memory for them


class Spaces(Env):
    """Stand for an environment where only its spaces matter."""

    def __init__(self, observations: spaces.Space, actions: spaces.Space):
        self.observation_space, self.action_space = observations, actions


def to_sb3(config: Config, agent: Agent, games: VectorEnv, step: int) -> Any:
    """Make a DQN or PPO of Stable-Baselines3 that acts as a trained agent does.

    Learning rate, discount and batch size are those of the agent, all other settings of training the defaults there.

    Args:
        config: of the run.
        agent: trained; a dueling head is folded into the last layer, and noisy layers keep their means.
        games: its environments.
        step: agent steps of its training.

    Raises:
        UserError: Stable-Baselines3 has no such agent or network.
    """
    if isinstance(agent, SB3Agent):
        agent.model.num_timesteps = step
        return agent.model
    agent = _checked(agent)
    c = cast(Any, config.agent)
    act, options = activation_of(config)
    settings: dict[str, Any] = {"learning_rate": c.learning_rate, "gamma": c.gamma, "batch_size": c.batch_size}
    if not isinstance(agent, PPO):
        settings["buffer_size"] = BUFFER
    try:
        model = getattr(stable_baselines3, "PPO" if isinstance(agent, PPO) else "DQN")(
            "CnnPolicy" if games.frame_type == torch.uint8 else "MlpPolicy",
            Spaces(observation_space(games), _action_space(agent.action_space)),
            policy_kwargs=_policy_kwargs(agent, act, options),
            device="cpu",
            **settings,
        )
        _copy(agent, model)
    except (ValueError, RuntimeError, KeyError) as error:
        norm = " with a norm" if config.network.norm else ""
        raise UserError(
            "to sb3: expected the layers of rrn.sb3, those of network=nature, minatar or mlp without a norm, got "
            f"network={config.network.target or config.network.name}{norm}; try torchscript."
        ) from error
    model.num_timesteps = step
    return model


def run_sb3(path: Path, module: ActingModule, observations: np.ndarray) -> list[np.ndarray]:
    """Compute the outputs of a saved model, those of the module of the agent that it was made from."""
    kind = stable_baselines3.DQN if "q_values" in module.outputs else stable_baselines3.PPO
    model: Any = kind.load(path, device="cpu")
    head: PolicyHead = getattr(module, "head", None)
    loaded = SB3QModule(model.q_net) if head is None else SB3ActorCriticModule(model.policy, head)
    with torch.no_grad():
        return [output.numpy() for output in loaded.eval()(torch.from_numpy(observations))]


def _checked(agent: Agent) -> DQN | PQN | PPO:
    """Return an agent that has a like in Stable-Baselines3.

    Raises:
        UserError: it has none.
    """
    if not isinstance(agent, DQN | PQN | PPO):
        raise UserError(f"to sb3: expected DQN, PQN or PPO, got {type(agent).__name__}; try safetensors.")
    if isinstance(agent, DQN) and isinstance(agent.values, CategoricalQHead):
        raise UserError(
            "to sb3: expected agent.distributional=false, since DQN of Stable-Baselines3 has no distributions; "
            "try torchscript."
        )
    if isinstance(agent, DQN) and agent.config.dueling_hidden:
        raise UserError(
            "to sb3: expected agent.dueling_hidden=false, since DQN of Stable-Baselines3 has one hidden layer for all "
            "outputs; try torchscript."
        )
    if isinstance(agent, PPO) and agent.observed is not None:
        raise UserError(
            "to sb3: expected agent.normalise_observations=false, since Stable-Baselines3 keeps the moments in an "
            "environment, not in the model; try torchscript."
        )
    return agent


def _action_space(space: ActionSpace) -> spaces.Space:
    if isinstance(space, Discrete):
        return spaces.Discrete(space.n)
    if isinstance(space, MultiDiscrete):
        return spaces.MultiDiscrete(list(space.sizes))
    box = cast(Box, space)
    return spaces.Box(box.low, box.high, dtype=np.float32)


def _policy_kwargs(agent: DQN | PQN | PPO, act: str, options: dict) -> dict[str, Any]:
    """Return the arguments of a policy with the layers of the agent's network."""
    widths = agent.network.widths
    if not isinstance(agent.network, PolicyAndValue):
        return policy_kwargs(act, hidden=tuple(widths), **options)
    one = widths[: len(widths) // 2]
    return {**policy_kwargs(act, hidden=tuple(one), **options), "share_features_extractor": False}


@torch.no_grad()
def _copy(agent: DQN | PQN | PPO, model: Any) -> None:
    """Copy the weights of an agent into a model.

    Raises:
        RuntimeError, ValueError, KeyError: the layers are not the same.
    """
    if isinstance(agent, PPO):
        _copy_ppo(agent, model.policy)
        return
    hidden, rows = _split(agent.network.layers)
    model.q_net.features_extractor.layers.load_state_dict(hidden)
    if isinstance(agent, DQN):
        rows = agent.values.per_action(rows.T).flatten(1).T  # dueling combined, which is linear
    _fill(model.q_net.q_net[0], rows)
    model.q_net_target.load_state_dict(model.q_net.state_dict())


def _copy_ppo(agent: PPO, policy: Any) -> None:
    layers: Any = agent.network.layers
    if isinstance(agent.network, PolicyAndValue):
        hidden, for_policy = _split(layers.policy)
        policy.pi_features_extractor.layers.load_state_dict(hidden)
        hidden, for_value = _split(layers.value)
        policy.vf_features_extractor.layers.load_state_dict(hidden)
    else:
        hidden, rows = _split(layers)
        policy.features_extractor.layers.load_state_dict(hidden)
        for_policy, for_value = rows[:-1], rows[-1:]
    _fill(policy.action_net, for_policy)
    _fill(policy.value_net, for_value * (1.0 if agent.returned is None else agent.returned.scale.float()))
    if isinstance(agent.head, GaussianHead):
        policy.log_std.copy_(agent.head.log_std)


def _split(layers: nn.Module) -> tuple[dict[str, Tensor], Tensor]:
    """Return the state of the hidden layers, and the rows [outputs, inputs + 1] of weights and biases of the last.

    Coefficients that sites here share with another part are those of the first such site.
    """
    state, here = layers.state_dict(), set(layers.modules())
    for name, module in layers.named_modules():
        if isinstance(module, SharedRational) and module.owner not in here:
            here.add(module.owner)
            state |= {f"{name}.{key}": value for key, value in module.owner.state_dict().items()}
    hidden = {name: value for name, value in state.items() if not name.endswith("_sigma")}  # of noisy layers
    weight, bias = hidden.pop("output.weight"), hidden.pop("output.bias")
    return hidden, torch.cat((weight, bias[:, None]), 1)


def _fill(layer: nn.Linear, rows: Tensor) -> None:
    layer.weight.copy_(rows[:, :-1])
    layer.bias.copy_(rows[:, -1])
