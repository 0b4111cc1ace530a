"""Activations for stable-baselines3: `DQN("CnnPolicy", env, policy_kwargs=rrn.sb3.policy_kwargs("rational"))`.

The hidden layers and their activations are the features extractor; stable-baselines3 adds the last linear layers.
For the layers that it makes itself, as those of SAC and TD3: `policy_kwargs={"activation_fn": ActivationFn("rational",
sites=2)}`. Neither `activation_fn=act.again` nor a function that returns one module again and again is an alternative:
the coefficients would belong to no policy, and would not be trained; a warning says so after 1,000 updates.
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
    from rrn.networks.activations import Factory
    from rrn.networks.cnn import AtariNetwork, MinAtarNetwork
    from rrn.networks.layers import convolutional, fully_connected, width_after

OF_A_RUN = {  # options of conf/act that concern training, not the network: what a script does instead
    "lr": "stable-baselines3 sets one learning rate for all parameters",
    "delay": "call freeze() and unfreeze() of the activations in a callback",
    "freeze_after": "call freeze() of the activations in a callback",
    "from": "load the coefficients into the activations of model.policy",
    "from_run": "load the coefficients into the activations of model.policy",
}


def policy_kwargs(act: str, *, hidden: Sequence[int] = (64, 64), **options: Any) -> dict[str, Any]:
    """Make the `policy_kwargs` of DQN, PPO, A2C and others that put these activations into all hidden layers.

    They work with CnnPolicy and MlpPolicy; the observations decide which layers there are, see `Features`.
    PPO and A2C share these layers between policy and value, or have them twice with one more setting:
    `{**policy_kwargs("rational"), "share_features_extractor": False}`. They do not suit SAC, TD3 and DDPG, whose
    critics would have no hidden layer after the action.

    Args:
        act: a name in `rrn.activations.registry.ACTIVATIONS`, such as rational or recurrent_rational, or a class as
            "package.module:Class".
        hidden: units of each hidden layer, for observations that are vectors.
        options: options of the activation as in conf/act, such as init, version, degrees, share or per, with the
            same defaults. lr, delay, freeze_after and from can only be None.

    Raises:
        ValueError: unknown activation, option or value. Errors that depend on the observations are raised when the
            network is built.
    """
    options = _checked(act, options)
    alone = {name: value for name, value in options.items() if name not in ("share", "per")}
    make_activations(act, 1, channels=[1], **alone)
    extractor = {"act": act, "hidden": _units(hidden), **options}
    return {"features_extractor_class": Features, "features_extractor_kwargs": extractor, "net_arch": []}


class ActivationFn:
    """Make activations for layers that stable-baselines3 makes: `policy_kwargs={"activation_fn": ActivationFn(...)}`.

    It is called once for each hidden layer of each network. Each network (policy, value, critics, target) has
    activations of its own, and so its coefficients are among its parameters and are trained and saved with it.

    Args:
        act: a name in `rrn.activations.registry.ACTIVATIONS`, or a class as "package.module:Class". With
            recurrent_rational all hidden layers of a network share one rational.
        sites: number of hidden layers of each network, which must be equal in all: 2 for net_arch=[64, 64].
        options: options of the activation as for `policy_kwargs`, but for per.

    Raises:
        ValueError: unknown activation, option or value, or sites below 1.
    """

    def __init__(self, act: str, sites: int, **options: Any):
        if type(sites) is not int or sites < 1:
            raise ValueError(f"sites: expected the number of hidden layers of each network, got {sites!r}.")
        if options.get("per", "tensor") != "tensor":
            raise ValueError("per: expected tensor; the number of channels is not known here.")
        self.act, self.sites, self.options = act, sites, _checked(act, options)
        make_activations(act, sites, **self.options)
        self.left: list[nn.Module] = []

    def __call__(self) -> nn.Module:
        """Return the activation of the next hidden layer."""
        if not self.left:
            self.left = make_activations(self.act, self.sites, **self.options)
        return self.left.pop(0)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "left": []}  # a saved model begins with a new network


class Features(BaseFeaturesExtractor):
    """Features extractor of stable-baselines3: hidden layers with an activation after each.

    Pixels, a Box [C, H, W], have the layers of the DQN paper (Mnih et al. 2015, methods): convolutions with 32, 64
    and 64 channels, and 512 units. Below 36x36, where these do not fit, they have those of MinAtar (Young and Tian
    2019): a convolution with 16 channels, and 128 units. stable-baselines3 divides uint8 pixels by 255 before.
    Any other observation that is a vector has the layers `hidden`.

    stable-baselines3 initialises the weights: as torch draws them for DQN, orthogonal for PPO and A2C.

    Args:
        observation_space: that of the environment, as stable-baselines3 has wrapped it.
        act, hidden, options: as for `policy_kwargs`.

    Shape: [N, C, H, W] or [N, features] float32 to [N, features_dim].

    Raises:
        ValueError: unsupported observations, an unknown activation or option, or one that does not fit the layers.
    """

    def __init__(self, observation_space: spaces.Space, act: str, *, hidden: Sequence[int] = (64, 64), **options: Any):
        options = _checked(act, options)
        pixels = _pixels(observation_space)
        widths = pixels.widths if pixels else _units(hidden)
        activations = Factory(act, options).fill(widths)
        super().__init__(observation_space, width_after(widths[-1], activations[-1]))
        self.widths = tuple(widths)
        if pixels:
            layers = convolutional(observation_space.shape, pixels.convolutions, widths[-1], activations)
        else:
            layers = fully_connected(get_flattened_obs_dim(observation_space), widths, activations)
        # stable-baselines3 initialises PPO's weights with a function of torch that does not support channels_last
        self.layers = nn.Sequential(layers).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def forward(self, observations: Tensor) -> Tensor:
        if observations.dim() == 4 and observations.device.type == "cpu":
            observations = observations.contiguous(memory_format=torch.channels_last)  # the faster memory format there
        return self.layers(observations)


def _pixels(space: spaces.Space) -> type[AtariNetwork] | type[MinAtarNetwork] | None:
    """Return the network whose convolutions fit these pixels, or None for a vector.

    Raises:
        ValueError: neither pixels nor a vector, or pixels that no network supports.
    """
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
    """Return the options for `make_activations`.

    Raises:
        ValueError: unknown activation, option or value.
    """
    if not isinstance(act, str):
        shared = (
            " For one rational at all layers: recurrent_rational." if getattr(act, "__name__", "") == "again" else ""
        )
        raise ValueError(
            f"act: expected the name of an activation, one of {', '.join(ACTIVATIONS)}, got {act!r}.{shared}"
        )
    if is_import_string(act):
        return options  # its arguments
    if act not in ACTIVATIONS:
        raise ValueError(f"act: no such activation {act!r}. {nearest(act, ACTIVATIONS)}")
    fields = {field.name for field in dataclasses.fields(ACTS.get(act, ActConfig))} - {"name", "kind"}
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
