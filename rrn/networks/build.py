"""From a configuration to a network with its activations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from rrn.activations.registry import make_activations
from rrn.common.errors import UserError
from rrn.config import Config, RationalConfig
from rrn.networks.base import Network
from rrn.networks.cnn import AtariNetwork, MinAtarNetwork
from rrn.networks.init import xavier
from rrn.networks.mlp import VectorNetwork

NETWORKS = {1: VectorNetwork, 2: AtariNetwork, 3: MinAtarNetwork}  # by the number of dimensions of a frame


def lr_rational(config: Config) -> float | None:
    """Learning rate of the coefficients of rationals, None for that of the weights."""
    return getattr(config.act, "lr", None)


def activation_options(config: Config) -> dict:
    """The options of the activations that are a matter of the network."""
    others = ("name", "lr", "delay", "from_run")
    options = {key: value for key, value in dataclasses.asdict(config.act).items() if key not in others}
    if isinstance(config.act, RationalConfig):
        options["trainable"] &= config.act.from_run is None
    return options


def make_network(
    config: Config,
    frame_shape: Sequence[int],
    stack: int,
    outputs: int,
    initialise: Callable[[Network], None] = xavier,
) -> Network:
    """Make a network with the activations of the configuration, on the CPU.

    Args:
        config: of the run.
        frame_shape, stack: of the observations, [N, stack, *frame_shape].
        outputs: units of the last layer.
        initialise: sets the weights.

    Raises:
        UserError: options of the activation that do not fit the network.
    """
    kind = NETWORKS[len(frame_shape)]
    options = activation_options(config)
    if isinstance(config.act, RationalConfig):
        options["channels"] = kind.widths
    try:
        activations = make_activations(config.act.name, len(kind.widths), **options)
    except ValueError as error:
        raise UserError(f"act: {error}") from error
    network = kind(frame_shape, stack, outputs, activations)
    initialise(network)
    return network
