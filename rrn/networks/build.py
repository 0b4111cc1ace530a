"""Build the network of a configuration with its activations."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from rrn.activations.registry import make_activations
from rrn.common.errors import UserError, first_line
from rrn.common.imports import import_string
from rrn.config import Config, RationalConfig
from rrn.config.act import OwnActConfig
from rrn.networks.base import Network
from rrn.networks.cnn import AtariNetwork, MinAtarNetwork
from rrn.networks.init import xavier
from rrn.networks.mlp import VectorNetwork

NETWORKS = {1: VectorNetwork, 2: AtariNetwork, 3: MinAtarNetwork}  # by the number of dimensions of a frame
SMALLEST_IMAGE = 36  # height and width of an image with channels; smaller ones are those of MinAtar


def lr_rational(config: Config) -> float | None:
    """Return the learning rate of the coefficients of rationals; None: that of the weights."""
    return getattr(config.act, "lr", None)


def activation_of(config: Config) -> tuple[str, dict]:
    """Return the name of the activation and its options for `make_activations`, without `channels`."""
    if isinstance(config.act, OwnActConfig):
        return config.act.target, config.act.kwargs or {}
    others = ("name", "lr", "delay", "from_run")
    options = {key: value for key, value in dataclasses.asdict(config.act).items() if key not in others}
    if isinstance(config.act, RationalConfig):
        options["trainable"] &= config.act.from_run is None
    return config.act.name, options


def in_settings(mistake: str, name: str, options: dict) -> str:
    """Name the setting in a mistake of an activation's arguments: "act.share: ..." for "share: ..."."""
    word = re.match(r"(\w+)[:=]", mistake)
    if word and word[1] in options:
        return f"act.{mistake}"
    return f"act={mistake}" if mistake.startswith(f"{name}:") else f"act: {mistake}"


def make_network(
    config: Config,
    frame_shape: Sequence[int],
    stack: int,
    outputs: int,
    initialise: Callable[[Network], None] = xavier,
) -> Network:
    """Make the network of a configuration with its activations, on the CPU.

    Args:
        config: configuration of the run.
        frame_shape, stack: shape of the observations, [N, stack, *frame_shape].
        outputs: units of the last layer.
        initialise: sets the initial weights.

    Raises:
        UserError: options of the activation do not fit the network, or a class of the user's own fails.
    """
    kind = _network_class(config, frame_shape)
    name, options = activation_of(config)
    if isinstance(config.act, RationalConfig):
        options["channels"] = kind.widths
    try:
        activations = make_activations(name, len(kind.widths), **options)
    except ValueError as error:
        raise UserError(in_settings(str(error), name, options)) from error
    with own_classes_work(config):
        network = kind(frame_shape, stack, outputs, activations)
        shape = network.eval()(torch.zeros(1, stack, *frame_shape)).shape
        if shape != (1, outputs):
            raise ValueError(f"expected outputs [1, {outputs}] for one observation, got {list(shape)}")
    initialise(network.train())
    return network


def _network_class(config: Config, frame_shape: Sequence[int]) -> type[Network]:
    target = config.network.target
    if target is None:
        image = len(frame_shape) == 3 and min(frame_shape[1:]) >= SMALLEST_IMAGE
        return AtariNetwork if image else NETWORKS[len(frame_shape)]
    kind = import_string(target, f"network.target={target}")
    if not (isinstance(kind, type) and issubclass(kind, Network)):
        raise UserError(f"network.target={target}: expected a class that derives from rrn.networks.base.Network.")
    return kind


@contextmanager
def own_classes_work(config: Config) -> Iterator[None]:
    """Context that turns any error into a UserError if the network or activation is a class of the user's own.

    Raises:
        UserError: for any error, with such a class.
    """
    own = {"network.target": config.network.target, "act": getattr(config.act, "target", None)}
    names = " ".join(f"{key}={target}" for key, target in own.items() if target is not None)
    try:
        with torch.no_grad():
            yield
    except Exception as error:
        if not names:
            raise
        what = f"{type(error).__name__}: {first_line(error)}"
        raise UserError(f"{names}: the network cannot be made or gives no output ({what}).") from error
