"""Hand out the activations of a configuration to a network that is being made: `activation(width)`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from rrn.activations.registry import make_activations
from rrn.networks.layers import expansion, units, width_after, width_factor


class StandIn(nn.Identity):
    """Stand for an activation while the sites of a network are counted."""

    def __init__(self, like: nn.Module):
        super().__init__()
        self.expansion, self.width_factor = expansion(like), width_factor(like)


class Normalised(nn.Sequential):
    """Layer normalisation (Ba et al. 2016) and an activation: parts `norm` and `act`.

    The mean and variance are those of all units of an observation, of a convolution those of all channels and
    positions; scale and shift are learned for each unit or channel. Shape: [N, C, ...].
    """

    def __init__(self, channels: int, act: nn.Module):
        norm = nn.GroupNorm(1, channels)
        super().__init__(OrderedDict(norm=norm, act=act))
        self.expansion, self.width_factor = expansion(act), width_factor(act)

    def parts(self) -> tuple[nn.Module, nn.Module]:
        """Return the normalisation and the activation."""
        norm, act = self
        return norm, act


class Factory:
    """Make the activations of a network one after the other, as `activation(width)` for a layer of `width` units.

    A network is built twice. The first time, modules without effect are handed out and the widths noted, so that all
    activations can be made at once, some of them sharing coefficients. `fill` makes them, for the second time.

    Args:
        name, options: as for `make_activations`, without channels.
        norm: "layer" for layer normalisation before each activation.

    Attributes:
        widths: those asked for, first to last.
        made: the activations that are handed out, with their normalisation; empty before `fill`.

    Raises:
        UserError, ValueError: as `make_activations`, of options that do not depend on the number of sites.
    """

    def __init__(self, name: str, options: dict, norm: str | None = None):
        self.name, self.options, self.norm = name, options, norm
        alone = {key: value for key, value in options.items() if key != "share"}
        self.example = make_activations(name, 1, channels=[1], **alone)[0]
        self.widths: list[int] = []
        self.made: list[nn.Module] = []
        self.handed_out = 0

    def units(self, width: int) -> int:
        """Return the units or channels of the layer before an activation, see `rrn.networks.layers.units`."""
        return units(width, self.example)

    def width_after(self, width: int) -> int:
        """Return the units or channels of the output of the activation after that layer."""
        return width_after(width, self.example)

    def __call__(self, width: int) -> nn.Module:
        """Return the activation after the next hidden layer, which would have `width` units or channels with a ReLU."""
        if not self.made:
            self.widths.append(width)
            return StandIn(self.example)
        if self.handed_out >= len(self.made):
            raise ValueError(f"it asks for more activations than when it was built first, {len(self.made)}")
        self.handed_out += 1
        return self.made[self.handed_out - 1]

    def fill(self, widths: Sequence[int]) -> list[nn.Module]:
        """Make the activations for layers of these widths, and return them.

        Raises:
            ValueError: as `make_activations`.
        """
        channels = [self.units(width) for width in widths]
        made = make_activations(self.name, len(channels), channels=channels, **self.options)
        if self.norm is not None:
            made = [Normalised(number, act) for number, act in zip(channels, made, strict=True)]
        self.made, self.handed_out = made, 0
        return made
