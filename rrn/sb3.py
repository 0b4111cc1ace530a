"""The activations in stable-baselines3: `DQN("CnnPolicy", env, policy_kwargs=rrn.sb3.policy_kwargs("rational"))`.

The whole network with its activations is the features extractor; stable-baselines3 adds the last linear layers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rrn.activations.registry import ACTIVATIONS, make_activations
from rrn.common.errors import nearest
from rrn.common.extras import needs

with needs("rrn.sb3", "sb3"):
    from gymnasium import spaces
    from stable_baselines3.common.preprocessing import get_flattened_obs_dim, is_image_space
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

    from rrn.common.imports import is_import_string
    from rrn.config import ACTS, ActConfig
    from rrn.networks.cnn import AtariNetwork, MinAtarNetwork
    from rrn.networks.layers import convolutional, expansion, fully_connected

OF_A_RUN = {  # options of conf/act that are no matter of the network: what a script does instead
    "lr": "stable-baselines3 sets one learning rate for all parameters",
    "delay": "call freeze() and unfreeze() of the activations in a callback",
    "from": "load the coefficients into the activations of model.policy",
    "from_run": "load the coefficients into the activations of model.policy",
}


def policy_kwargs(act: str, *, hidden: Sequence[int] = (64, 64), **options: Any) -> dict[str, Any]:
    """What DQN, PPO, A2C and others take as `policy_kwargs` to have these activations in all hidden layers.

    It suits CnnPolicy and MlpPolicy alike; which layers there are is a matter of the observations, see `Features`.
    PPO and A2C have these layers once, for policy and value together, or twice with one more setting:
    `{**policy_kwargs("rational"), "share_features_extractor": False}`. It does not suit SAC, TD3 and DDPG: their
    critics would have no hidden layer behind the action.

    Args:
        act: a name in `rrn.activations.registry.ACTIVATIONS`, such as rational or recurrent_rational, or a class as
            "package.module:Class".
        hidden: units of each hidden layer, for observations that are vectors.
        options: those in conf/act of the activation, such as init, version, degrees, share or per; left out, they
            are as there. lr, delay and from can only be None.

    Raises:
        ValueError: unknown activation, option or value. What depends on the observations is told when the network
            is built.
    """
    options = _checked(act, options)
    make_activations(act, 1, **{name: value for name, value in options.items() if name not in ("share", "per")})
    extractor = {"act": act, "hidden": _units(hidden), **options}
    return {"features_extractor_class": Features, "features_extractor_kwargs": extractor, "net_arch": []}


class Features(BaseFeaturesExtractor):
    """The hidden layers of a network, with an activation after each.

    Pixels, a Box [C, H, W], go through the layers of the DQN paper (Mnih et al. 2015, methods): convolutions of 32, 64
    and 64 channels and 512 units; below 36x36, where those do not fit, through those of MinAtar (Young and Tian 2019):
    one convolution of 16 channels and 128 units. They come in divided by 255 if they are uint8, and else as they are.
    Anything else that is one vector goes through `hidden`.

    The weights start as stable-baselines3 leaves them: as torch draws them for DQN, orthogonal for PPO and A2C.

    Args:
        observation_space: of the environment, as stable-baselines3 has wrapped it.
        act, hidden, options: as in `policy_kwargs`.

    Shape: [N, C, H, W] or [N, features] float32, in to [N, features_dim].

    Raises:
        ValueError: observations that it cannot take, unknown activation or option, or one that does not fit the
            layers, in one sentence.
    """

    def __init__(self, observation_space: spaces.Space, act: str, *, hidden: Sequence[int] = (64, 64), **options: Any):
        options = _checked(act, options)
        pixels = _pixels(observation_space)
        widths = pixels.widths if pixels else _units(hidden)
        if options.get("per") == "channel":
            options["channels"] = widths
        activations = make_activations(act, len(widths), **options)
        super().__init__(observation_space, widths[-1] * expansion(activations[-1]))
        self.widths = tuple(widths)
        if pixels:
            layers = convolutional(observation_space.shape, pixels.convolutions, widths[-1], activations)
        else:
            layers = fully_connected(get_flattened_obs_dim(observation_space), widths, activations)
        # stable-baselines3 starts PPO's weights with a function of torch that does not take channels_last
        self.layers = nn.Sequential(layers).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def forward(self, observations: Tensor) -> Tensor:
        if observations.dim() == 4 and observations.device.type == "cpu":
            observations = observations.contiguous(memory_format=torch.channels_last)  # the faster layout there
        return self.layers(observations)


def _pixels(space: spaces.Space) -> type[AtariNetwork] | type[MinAtarNetwork] | None:
    """Whose convolutions suit these pixels; None for a vector; ValueError if it is neither."""
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary):
        return None
    if not isinstance(space, spaces.Box) or len(space.shape) not in (1, 2, 3):
        raise ValueError(
            f"observations: expected pixels [C, H, W] or one vector, got {space}; "
            "gymnasium.wrappers.FlattenObservation makes a vector of most."
        )
    if len(space.shape) < 3:
        return None
    if min(space.shape[1:]) < 5:
        raise ValueError(
            f"observations: expected pixels [C, H, W] of at least 5x5, for the convolutions, got "
            f"{list(space.shape)}; put the channels first, or make a vector with "
            "gymnasium.wrappers.FlattenObservation."
        )
    if not is_image_space(space) and 255 <= space.high.max() < np.inf:
        raise ValueError(
            f"observations: expected pixels in uint8 from 0 to 255, or values of the size of 1, got {space}, "
            "which stable-baselines3 does not divide by 255."
        )
    return AtariNetwork if min(space.shape[1:]) >= 36 else MinAtarNetwork


def _checked(act: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options that `make_activations` takes; ValueError for an unknown activation or option."""
    if not isinstance(act, str):
        raise ValueError(f"act: expected the name of an activation, one of {', '.join(ACTIVATIONS)}, got {act!r}.")
    if is_import_string(act):
        return options  # its arguments
    if act not in ACTIVATIONS:
        raise ValueError(f"act: no such activation {act!r}. {nearest(act, ACTIVATIONS)}")
    fields = {field.name for field in dataclasses.fields(ACTS.get(act, ActConfig))} - {"name"}
    known = fields | {"hidden"} | ({"from"} if "from_run" in fields else set())
    kept = {}
    for name, value in options.items():
        if name not in known:
            raise ValueError(f"{name}: no such option of {act}. {nearest(name, known - {'from_run'})}")
        if name not in OF_A_RUN:
            kept[name] = value
        elif value is not None:
            raise ValueError(f"{name}: expected None, got {value!r}; {OF_A_RUN[name]}.")
    if (per := kept.get("per", "tensor")) not in ("tensor", "channel"):
        raise ValueError(f"per: expected tensor or channel, got {per!r}.")
    return kept


def _units(hidden: Sequence[int]) -> tuple[int, ...]:
    if not isinstance(hidden, Sequence) or not hidden or any(type(units) is not int or units < 1 for units in hidden):
        raise ValueError(f"hidden: expected whole numbers of at least 1, one for each hidden layer, got {hidden!r}.")
    return tuple(hidden)
