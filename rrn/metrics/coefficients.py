"""Collect the coefficients of rationals for the log."""

from __future__ import annotations

from torch import nn

from rrn.activations.sites import named_rationals


def coefficients(network: nn.Module) -> dict[str, float]:
    """Return each coefficient by a name such as act1/a0 or act1/b1; of several rows of coefficients, their mean.

    `layers.` at the beginning of a name is left out, as in the names of activation sites.
    """
    values = {}
    for name, module in named_rationals(network):
        site = name.removeprefix("layers.")
        for letter, row in (("a", module.numerator), ("b", module.denominator)):
            first = 0 if letter == "a" or module.version == "C" else 1
            for i, value in enumerate(row.mean(dim=0).tolist(), first):
                values[f"{site}/{letter}{i}"] = value
    return values
