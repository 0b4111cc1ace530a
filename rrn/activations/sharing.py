"""Rationals for the sites of a network: which sites have one set of coefficients."""

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
        sites: how many activations there are.
        share: a number for each site; sites of equal numbers share one rational. None: each has its own.
        per: "tensor", or "channel" for one set of coefficients for each channel.
        channels: how many there are at each site; only for per="channel".
        options: of `Rational`.

    Raises:
        ValueError: `share` that does not fit, or sites that share a rational and differ in channels.
    """
    share = list(range(sites)) if share is None else share
    if len(share) != sites:
        raise ValueError(f"share: expected {sites} numbers, one for each place, got {list(share)}.")
    groups: dict[int, int] = dict.fromkeys(share, 1)
    if per == "channel":
        groups = dict(zip(share, channels, strict=True))
        for site, (key, width) in enumerate(zip(share, channels, strict=True), 1):
            if width != groups[key]:
                raise ValueError(f"per=channel: place {site} has {width} channels, others that share it {groups[key]}.")
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
    """Make one rational for all sites, or as `rational` where `share` says which sites share."""
    return rational(sites, [0] * sites if share is None else share, **options)
