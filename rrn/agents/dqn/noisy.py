"""Explore by learned noise in the weights, in place of epsilon: noisy networks (Fortunato et al. 2018)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from rrn.networks.base import Network

SIGMA = 0.5  # section 3.2


class NoisyLinear(nn.Linear):
    """Compute y = (W + S * e) x + b + s * f, with factorised Gaussian noise e, f (section 3, b).

    e_ij = g(n_i) g(m_j) and f_i = g(n_i) with g(z) = sign(z) sqrt(|z|) and standard normal n [outputs] and m [inputs],
    drawn from torch's global generator at each pass. S and s are learned. Outside the context `noise`, y = W x + b.

    Args:
        inputs, outputs: units.
        sigma: initial value of S and s, to be divided by the square root of the inputs.
    """

    noisy = each_row = False

    def __init__(self, inputs: int, outputs: int, sigma: float = SIGMA):
        super().__init__(inputs, outputs)  # torch initialises W and b as in section 3.2
        self.sigma = sigma
        self.weight_sigma = nn.Parameter(torch.empty_like(self.weight))
        self.bias_sigma = nn.Parameter(torch.empty_like(self.bias))
        self._reset_sigmas()

    def reset_parameters(self) -> None:
        """Draw W and b again, as torch's linear layer does, and give S and s their starting value."""
        super().reset_parameters()
        if hasattr(self, "weight_sigma"):  # torch calls this before there are sigmas
            self._reset_sigmas()

    def _reset_sigmas(self) -> None:
        for sigma in (self.weight_sigma, self.bias_sigma):
            nn.init.constant_(sigma, self.sigma * self.in_features**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [N, inputs] to [N, outputs]."""
        if not self.noisy:
            return super().forward(x)
        rows = len(x) if self.each_row else 1
        z = torch.randn(rows, self.in_features + self.out_features, dtype=x.dtype, device=x.device)
        into, out = z.abs().sqrt().copysign(z).split((self.in_features, self.out_features), 1)  # g(m), g(n)
        if self.each_row:  # (W + S * e) x = W x + g(n) * S (g(m) * x), without weights for each row
            return super().forward(x) + out * nn.functional.linear(x * into, self.weight_sigma, self.bias_sigma)
        weight = torch.addcmul(self.weight, self.weight_sigma, out.T * into)
        return nn.functional.linear(x, weight, torch.addcmul(self.bias, self.bias_sigma, out[0]))


def make_noisy(network: Network, sigma: float = SIGMA) -> None:
    """Replace all fully connected layers, the last one included, by noisy ones with a sigma as of `NoisyLinear`."""
    for name, layer in list(network.layers.named_modules()):
        if type(layer) is nn.Linear:  # not a kind of its own, such as the last layer of attention
            network.layers.set_submodule(name, NoisyLinear(layer.in_features, layer.out_features, sigma))


def noisy_layers(network: nn.Module) -> list[NoisyLinear]:
    """List the noisy layers of a network."""
    return [module for module in network.modules() if isinstance(module, NoisyLinear)]


@contextmanager
def noise(layers: Sequence[NoisyLinear], each_row: bool = False) -> Iterator[None]:
    """Make layers noisy within a context, with the same noise for all rows of a pass, or its own for `each_row`."""
    for layer in layers:
        layer.noisy, layer.each_row = True, each_row
    try:
        yield
    finally:
        for layer in layers:
            layer.noisy = False
