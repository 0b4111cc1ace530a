"""The activations of the command line: one entry for each file in conf/act.

An entry makes the modules for the places of a network, first to last, from the options of its
YAML file. A module whose output has more channels than its input says so in `expansion`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from torch import nn

from rrn.activations.baselines import PELU, CReLU, DSiLU
from rrn.activations.rational import Rational, RecurrentRational
from rrn.common.errors import UserError


def _each(make: Callable[..., nn.Module]) -> Callable[..., list[nn.Module]]:
    """An entry whose places are alike and independent."""
    return lambda places, **options: [make(**options) for _ in range(places)]


def _d_silu(places: int) -> list[nn.Module]:
    """SiLU at the first half of the places, dSiLU at the others (Delfosse et al. 2021, "d+SiLU")."""
    return [nn.SiLU() if place < places // 2 else DSiLU() for place in range(places)]


def _rational(
    places: int,
    share: Sequence[int] | None = None,
    per: str = "tensor",
    channels: Sequence[int] | None = None,
    **options,
) -> list[nn.Module]:
    """A rational for each different number in `share`, or for each place; per channel, one row for each."""
    share = list(range(places)) if share is None else share
    if len(share) != places:
        raise ValueError(f"share: expected {places} numbers, one for each place, got {list(share)}.")
    groups = dict.fromkeys(share, 1)
    if per == "channel":
        groups = dict(zip(share, channels, strict=True))
        for place, (key, width) in enumerate(zip(share, channels, strict=True), 1):
            if width != groups[key]:
                raise ValueError(
                    f"per=channel: place {place} has {width} channels, others that share it {groups[key]}."
                )
    owners = {
        key: (RecurrentRational if share.count(key) > 1 else Rational)(groups=rows, **options)
        for key, rows in groups.items()
    }
    first = [share.index(key) == place for place, key in enumerate(share)]
    return [owners[key] if is_first else owners[key].again() for key, is_first in zip(share, first, strict=True)]


def _recurrent_rational(places: int, share: Sequence[int] | None = None, **options) -> list[nn.Module]:
    return _rational(places, [0] * places if share is None else share, **options)


ACTIVATIONS: dict[str, Callable[..., list[nn.Module]]] = {
    "relu": _each(nn.ReLU),
    "leaky_relu": _each(nn.LeakyReLU),
    "silu": _each(nn.SiLU),
    "d_silu": _d_silu,
    "pelu": _each(PELU),
    "crelu": _each(CReLU),
    "tanh": _each(nn.Tanh),
    "gelu": _each(nn.GELU),
    "rational": _rational,
    "recurrent_rational": _recurrent_rational,
}


def make_activations(name: str, places: int, **options) -> list[nn.Module]:
    """The activation modules of a network with this many places, first to last, marked for `rrn.activations.sites`.

    Options are those of the YAML file; with per="channel" also `channels`, how many there are at each place.

    Raises:
        UserError: no such activation.
        ValueError: options that do not fit the places, or that `Rational` refuses.
    """
    if name not in ACTIVATIONS:
        raise UserError(
            f"{name}: expected an activation of ACTIVATIONS in rrn/activations/registry.py, which are "
            f"{', '.join(ACTIVATIONS)}; add it there, or mend `name:` in its file in conf/act."
        )
    modules = ACTIVATIONS[name](places, **options)
    for module in modules:
        module.is_activation = True
    return modules


def named_rationals(model: nn.Module) -> Iterator[tuple[str, Rational]]:
    """Name and module of each set of coefficients in the model; further places of one are left out."""
    for name, module in model.named_modules():
        if isinstance(module, Rational):
            yield name, module
