"""Build the network of a configuration with its activations."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from rrn.common.errors import UserError, first_line
from rrn.common.imports import import_string
from rrn.config import Config, RationalConfig
from rrn.config.act import OwnActConfig
from rrn.config.network import DEFAULT
from rrn.networks.activations import Factory, Normalised
from rrn.networks.base import ModuleNetwork, Network, input_shape
from rrn.networks.cnn import AtariNetwork, MinAtarNetwork, SmallNetwork
from rrn.networks.impala import Impala
from rrn.networks.init import lecun, xavier
from rrn.networks.mlp import VectorNetwork

NETWORKS: dict[str, type[nn.Module]] = {
    "nature": AtariNetwork,
    "minatar": MinAtarNetwork,
    "mlp": VectorNetwork,
    "impala": Impala,
    "small": SmallNetwork,
}
BY_SHAPE = {1: "mlp", 2: "nature", 3: "minatar"}  # the default, by the number of dimensions of a frame
SMALLEST_IMAGE = 36  # height and width of an image with channels; smaller ones are those of MinAtar


def lr_rational(config: Config) -> float | None:
    """Return the learning rate of the coefficients of rationals; None: that of the weights."""
    return getattr(config.act, "lr", None)


def activation_of(config: Config) -> tuple[str, dict]:
    """Return the name of the activation and its options for `make_activations`, without `channels`."""
    if isinstance(config.act, OwnActConfig):
        return config.act.target, config.act.kwargs or {}
    others = ("name", "kind", "lr", "delay", "freeze_after", "from_run")
    options = {key: value for key, value in dataclasses.asdict(config.act).items() if key not in others}
    if isinstance(config.act, RationalConfig):
        options["trainable"] &= config.act.from_run is None
    return config.act.kind or config.act.name, options


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
    streams: Mapping[str, int] | None = None,
) -> Network:
    """Make the network of a configuration with its activations, on the CPU.

    Args:
        config: configuration of the run.
        frame_shape, stack: shape of the observations, [N, stack, *frame_shape].
        outputs: units of the last layer.
        initialise: sets the initial weights of our networks, and of a user's own class on `Network`. Any other module
            keeps those that it is made with.
        streams: outputs of each part of the last layer, see `Network`.

    Raises:
        UserError: as `make_networks`.
    """
    [network] = make_networks(config, frame_shape, stack, [(outputs, initialise)], streams)
    return network


def make_networks(
    config: Config,
    frame_shape: Sequence[int],
    stack: int,
    parts: Sequence[tuple[int, Callable[[Network], None]]],
    streams: Mapping[str, int] | None = None,
) -> list[Network]:
    """Make networks of one kind, whose activations are made together, so that act.share counts the sites of all.

    Args:
        config, frame_shape, stack: as for `make_network`.
        parts: outputs and initialise of each network, as there.
        streams: as there, of all of them.

    Raises:
        UserError: the network does not fit the observations, options of the activation do not fit the network, or a
            class of the user's own fails.
    """
    kind, arguments = _network_class(config, frame_shape)
    if streams:
        _check_streams(config, kind)
        arguments = {**arguments, "streams": streams}
    name, options = activation_of(config)
    try:
        factory = Factory(name, options, config.network.norm)
    except ValueError as error:
        raise UserError(in_settings(str(error), name, options)) from error
    shape = input_shape(frame_shape, stack)
    with _fitting(config), own_classes_work(config):
        if issubclass(kind, Network):
            widths = arguments.get("widths", kind.widths)
            widths = [*widths, *[widths[-1]] * (len(streams or ()) - 1)]
        else:
            with torch.random.fork_rng(devices=[]):  # as if it was built once
                kind(shape, parts[0][0], factory, **arguments)
            widths = factory.widths
            if not widths:
                raise ValueError("expected a network that calls activation(width) for each activation, got no call")
    sites = len(widths)
    try:
        activations = factory.fill([*widths] * len(parts))
    except ValueError as error:
        raise UserError(in_settings(str(error), name, options)) from error
    networks = []
    for first, (outputs, initialise) in zip(range(0, len(activations), sites), parts, strict=True):
        own = activations[first : first + sites]
        with _fitting(config), own_classes_work(config):
            if issubclass(kind, Network):
                network = kind(frame_shape, stack, outputs, own, **arguments)
            else:
                network = ModuleNetwork(kind(shape, outputs, factory, **arguments), outputs, widths)
                _check_sites(network, own)
            given = network.eval()(torch.zeros(1, stack, *frame_shape)).shape
            if given != (1, outputs):
                raise ValueError(f"expected outputs [1, {outputs}] for one observation, got {list(given)}")
        network.train()
        if issubclass(kind, Network) or config.network.target is None:
            initialise(network)
            if any(isinstance(module, nn.SELU) for module in network.modules()):
                lecun(network)
        networks.append(network)
    return networks


def _network_class(config: Config, frame_shape: Sequence[int]) -> tuple[type[nn.Module], dict[str, Any]]:
    """Return the class of the network, a `Network` or any other module, and its own arguments.

    Raises:
        UserError: it is no class of a module, or no network is the default for such observations.
    """
    chosen = config.network
    if chosen.target is not None:
        kind = import_string(chosen.target, f"network.target={chosen.target}")
        if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
            raise UserError(f"network.target={chosen.target}: expected a class that derives from torch.nn.Module.")
        return kind, chosen.kwargs or {}
    name = default_network(frame_shape, config.agent.network) if chosen.name == DEFAULT else chosen.name
    if name is None:
        raise UserError(
            f"network=default: expected frames of 1 to 3 dimensions, got {list(frame_shape)}; set network.target."
        )
    return NETWORKS[name], {key: getattr(chosen, key) for key in ("widths", "width") if hasattr(chosen, key)}


def _check_streams(config: Config, kind: type[nn.Module]) -> None:
    """Raise a UserError if a network has no last hidden layer that can be split."""
    if not issubclass(kind, Network) or config.network.target is not None:
        name = config.network.target or config.network.name
        raise UserError(
            f"agent.dueling_hidden: expected false with network={name}; it works with nature, small, minatar and mlp."
        )


def default_network(frame_shape: Sequence[int], of_agent: str | None = None) -> str | None:
    """Name the network for frames of this shape, of an agent with one of its own in place of nature; None: none."""
    image = len(frame_shape) == 3 and min(frame_shape[1:]) >= SMALLEST_IMAGE
    name = "nature" if image else BY_SHAPE.get(len(frame_shape))
    return of_agent if of_agent and name == "nature" else name


@contextmanager
def _fitting(config: Config) -> Iterator[None]:
    """Context that turns a ValueError of a network of ours into a UserError: the observations do not fit it."""
    try:
        yield
    except ValueError as error:
        if config.network.target is not None:
            raise
        advice = "leave network= out, or take network=mlp or network.target"
        raise UserError(f"network={config.network.name}: {error}; {advice}.") from error


def _check_sites(network: nn.Module, activations: Sequence[nn.Module]) -> None:
    """Raise a ValueError if an activation is not among the modules of a network, so that nobody finds it."""
    inside = set(network.modules())
    for number, act in enumerate(activations, 1):
        if (act.parts()[1] if isinstance(act, Normalised) else act) not in inside:
            raise ValueError(
                f"expected each activation as an attribute of a module or in an nn.ModuleList, number {number} of "
                f"{len(activations)} is not"
            )


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
