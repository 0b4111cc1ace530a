"""Activations to compare rationals with, which torch lacks: dSiLU, PELU and CReLU."""

from __future__ import annotations

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


class CReLU(nn.Module):
    """Concatenated ReLU (Shang et al. 2016, def. 2.1): [N, C, ...] to [N, 2 C, ...], relu(x) and relu(-x)."""

    expansion = 2

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x.relu(), (-x).relu()), dim=1)


def d_silu(sites: int) -> list[nn.Module]:
    """Make SiLU for the first half of the sites of a network, dSiLU for the others (Delfosse et al. 2021, "d+SiLU")."""
    return [nn.SiLU() if site < sites // 2 else DSiLU() for site in range(sites)]
