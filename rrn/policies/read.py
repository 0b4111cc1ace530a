"""Read the policy of a trained run as layers of arrays, in the order and layout of frameworks with channels last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn

from rrn.activations.rational import Rational, SharedRational, coefficients_of
from rrn.agents.base import Agent
from rrn.agents.dqn.agent import DQN
from rrn.agents.dqn.loss import CategoricalQHead
from rrn.agents.ppo.agent import PPO
from rrn.envs import make_envs
from rrn.frameworks.coefficients import coefficients
from rrn.networks.base import PolicyAndValue, Streams, input_shape
from rrn.networks.cnn import AtariNetwork, MinAtarNetwork, SmallNetwork
from rrn.networks.mlp import VectorNetwork
from rrn.policies.layers import Activation, Affine, Policy
from rrn.runs.folder import load_config
from rrn.training.trained_agent import load_agent, load_checkpoint

CHAINS = (AtariNetwork, MinAtarNetwork, SmallNetwork, VectorNetwork)
FUNCTIONS = {nn.ReLU: "relu", nn.LeakyReLU: "leaky_relu", nn.SiLU: "silu", nn.Tanh: "tanh", nn.GELU: "gelu"}


def read_policy(folder: Path, checkpoint: str | None) -> Policy:
    """Read the policy of a run; arguments and errors are those of `rrn.policies.policy`."""
    config = load_config(folder)
    path, state = load_checkpoint(folder, config, checkpoint)
    games = make_envs(config.env, 1, (0,))
    agent = load_agent(folder, config, games, torch.device("cpu"), path, state)
    kind = type(agent.network)
    if kind is PolicyAndValue:
        raise ValueError(f"{folder}: expected one network for policy and value, got agent.separate_value=true.")
    if kind not in CHAINS or config.network.norm or not isinstance(agent, DQN | PPO):
        got = f"{config.network.target or config.network.name}" + (" with a norm" if config.network.norm else "")
        raise ValueError(
            f"{folder}: expected a DQN or PPO of ours whose network is nature, minatar, mlp or small, without a norm, "
            f"got {config.agent.name} with network={got}."
        )
    if isinstance(agent, PPO) and (agent.observed is not None or games.action_space.kind != "Discrete"):
        raise ValueError(f"{folder}: expected a policy of discrete actions, without agent.normalise_observations.")
    shape = games.stack, *games.frame_shape
    dtype = np.dtype(games.observations.dtype).name
    pixels: tuple[int, int, int] | None = None
    if kind is not VectorNetwork:
        pixels = input_shape(games.frame_shape, games.stack)  # type: ignore[assignment]
    elif len(shape) > 2:
        raise ValueError(f"{folder}: expected vectors for network=mlp, got observations of shape {list(shape)}.")
    with torch.no_grad():
        layers = tuple(_hidden(cast(nn.Sequential, agent.network.layers), pixels))
        heads, support = _heads(agent)
    return Policy(
        shape, pixels, 255.0 if dtype == "uint8" or kind is AtariNetwork else 1.0, dtype, layers, heads, support
    )


def _hidden(layers: nn.Sequential, pixels: tuple[int, int, int] | None) -> Iterator[Affine | Activation]:
    """Yield the hidden layers; the first fully connected one takes pixels in the order height, width, channels."""
    owners: dict[nn.Module, str] = {}
    for name, layer in layers.named_children():
        if name == "output" or isinstance(layer, nn.Flatten):
            continue
        if isinstance(layer, nn.Conv2d):
            yield Affine(name, layer.weight.numpy().transpose(2, 3, 1, 0), layer.bias.numpy(), layer.stride[0])
            height, width = ((size - layer.kernel_size[0]) // layer.stride[0] + 1 for size in pixels[1:])
            pixels = layer.out_channels, height, width
        elif isinstance(layer, nn.Linear):
            weight = layer.weight.numpy()
            if pixels:
                weight = weight.reshape(-1, *pixels).transpose(0, 2, 3, 1).reshape(len(weight), -1)
                pixels = None
            yield Affine(name, weight.T, layer.bias.numpy())
        else:
            owner = owners.setdefault(coefficients_of(layer), name)
            yield _activation(name, owner, layer)


def _activation(name: str, owner: str, module: nn.Module) -> Activation:
    if isinstance(module, Rational | SharedRational):
        return Activation(name, owner, coefficients(module))
    function = FUNCTIONS.get(type(module))
    if function is None or repr(module) != repr(type(module)()):
        known = ", ".join(sorted(FUNCTIONS.values()))
        raise ValueError(f"{name}: expected a rational, or one of {known} with its usual options, got {module}.")
    return Activation(name, owner, None, function)


def _heads(agent: Agent) -> tuple[dict[str, Affine], np.ndarray | None]:
    """Return the last layers, and the returns of the atoms of a distribution."""
    output = cast(nn.Linear, agent.network.layers.output)
    if isinstance(output, Streams):
        raise ValueError("expected one hidden layer before all outputs, got agent.dueling_hidden=true.")
    both = torch.cat((output.weight, output.bias[:, None]), 1).T  # [inputs + 1, outputs]
    if isinstance(agent, PPO):
        parts = {"policy": both[:, :-1].numpy(), "value": both[:, -1:].numpy()}
        return {name: Affine(name, rows[:-1], rows[-1]) for name, rows in parts.items()}, None
    values = cast(DQN, agent).values
    rows = values.per_action(both).flatten(1).numpy()  # dueling combined, which is linear
    support = values.support(torch.device("cpu")).numpy() if isinstance(values, CategoricalQHead) else None
    return {"q": Affine("q", rows[:-1], rows[-1])}, support
