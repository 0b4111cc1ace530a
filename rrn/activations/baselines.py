"""Activations to compare rationals with, which torch lacks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class DSiLU(nn.Module):
    """Derivative of SiLU, sigmoid(x) (1 + x (1 - sigmoid(x))) (Elfwing et al. 2018, eq. 6); any shape."""

    def forward(self, x: Tensor) -> Tensor:
        s = torch.sigmoid(x)
        return s * (1 + x * (1 - s))


class PELU(nn.Module):
    """Parametric ELU (Trottier et al. 2017, eq. 3): (a / b) x for x >= 0, else a (exp(x / b) - 1).

    a and b are learned, positive and 1 at the start. The paper clips them at 0.1; here their
    logarithms are learned, which needs no clipping. Any shape.
    """

    def __init__(self):
        super().__init__()
        self.log_a = nn.Parameter(torch.zeros(()))
        self.log_b = nn.Parameter(torch.zeros(()))

    def reset_parameters(self) -> None:
        """Make a and b 1, as at the start."""
        nn.init.zeros_(self.log_a)
        nn.init.zeros_(self.log_b)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.log_a.exp(), self.log_b.exp()
        return torch.where(x >= 0, a / b * x, a * torch.expm1(x.clamp(max=0) / b))


class Swish(nn.Module):
    """x sigmoid(b x) with a learned b, 1 at the start (Ramachandran et al. 2017); any shape."""

    def __init__(self):
        super().__init__()
        self.b = nn.Parameter(torch.ones(()))

    def reset_parameters(self) -> None:
        """Make b 1, as at the start."""
        nn.init.ones_(self.b)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.b * x)


class Snake(nn.Module):
    """x + sin(a x)^2 / a (Ziyin et al. 2020, arXiv 2006.08195), with a learned a, positive and 1 at first; any shape.

    In the paper a is fixed in most experiments. Its logarithm is learned here, so that it cannot be 0.
    """

    def __init__(self):
        super().__init__()
        self.log_a = nn.Parameter(torch.zeros(()))

    def reset_parameters(self) -> None:
        """Make a 1, as at the start."""
        nn.init.zeros_(self.log_a)

    def forward(self, x: Tensor) -> Tensor:
        a = self.log_a.exp()
        return x + (a * x).sin().square() / a


class SmoothLeakyReLU(nn.Module):
    """alpha x + (1 - alpha) x sigmoid(c x / p) (Lillo and Cheney 2025, arXiv 2509.22562, eq. 1); any shape.

    Args:
        alpha: slope far below 0.
        p, c: set how wide the transition is; only their ratio counts.
    """

    def __init__(self, alpha: float = 0.1, p: float = 3.0, c: float = 5.0):
        super().__init__()
        self.alpha, self.steepness = alpha, c / p

    def forward(self, x: Tensor) -> Tensor:
        return x * (self.alpha + (1 - self.alpha) * torch.sigmoid(self.steepness * x))


class CReLU(nn.Module):
    """Concatenated ReLU (Shang et al. 2016, def. 2.1): [N, C, ...] to [N, 2 C, ...], relu(x) and relu(-x)."""

    expansion = 2

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x.relu(), (-x).relu()), dim=1)


def prelu(sites: int, channels: Sequence[int] | None = None) -> list[nn.Module]:
    """Make PReLUs with a slope for each channel (He et al. 2015, eq. 1); one for each site if `channels` is None."""
    return [nn.PReLU(number) for number in channels or [1] * sites]


def d_silu(sites: int, channels: Sequence[int] | None = None) -> list[nn.Module]:
    """Make SiLU for the first half of the sites of a network, dSiLU for the others (Delfosse et al. 2021, "d+SiLU")."""
    return [nn.SiLU() if site < sites // 2 else DSiLU() for site in range(sites)]
