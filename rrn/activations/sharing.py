"""Weight sharing of rationals: which activation sites of a network have the same coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from rrn.activations.rational import Rational, RecurrentRational


def rational(
    sites: int,
    share: Sequence[int] | None = None,
    per: str = "tensor",
    channels: Sequence[int] | None = None,
    **options,
) -> list[nn.Module]:
    """Make a rational for each different number in `share`, or for each site.

    Args:
        sites: number of activation sites of the network.
        share: a number for each site; sites with equal numbers share one rational. None: each has its own.
        per: "tensor", or "channel" for a row of coefficients for each channel.
        channels: number of channels at each site; only for per="channel".
        options: further arguments of `Rational`.

    Raises:
        ValueError: `share` of another length, or sites that share a rational but differ in channels.
    """
    share = list(range(sites)) if share is None else share
    if len(share) != sites:
        raise ValueError(f"share: expected {sites} numbers, one for each site, got {list(share)}.")
    groups: dict[int, int] = dict.fromkeys(share, 1)
    if per == "channel":
        groups = dict(zip(share, channels, strict=True))
        for site, (key, width) in enumerate(zip(share, channels, strict=True), 1):
            if width != groups[key]:
                raise ValueError(f"per=channel: site {site} has {width} channels, others that share it {groups[key]}.")
    owners: dict[int, Any] = {}
    modules: list[nn.Module] = []
    for key in share:
        if key in owners:
            modules.append(owners[key].again())
        else:
            kind = RecurrentRational if share.count(key) > 1 else Rational
            owners[key] = kind(groups=groups[key], **options)
            modules.append(owners[key])
    return modules


def recurrent_rational(sites: int, share: Sequence[int] | None = None, **options) -> list[nn.Module]:
    """Make one rational for all activation sites, or, with `share`, one for each different number in it.

    Arguments, result and errors are those of `rational`.
    """
    return rational(sites, [0] * sites if share is None else share, **options)
