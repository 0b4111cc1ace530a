"""Fit a rational to a function of your own, and use it as an activation.

python examples/fit_your_own_function.py

Needs: rrn without extras; the picture needs the extra `plot`.
"""

import torch
from torch import nn

import rrn


def snake(x: torch.Tensor) -> torch.Tensor:
    """x + sin(x)^2: keeps a period (Ziyin et al. 2020, section 4)."""
    return x + torch.sin(x) ** 2


# Least squares on [-3, 3]. norm="minimax" makes the largest error smallest instead.
found = rrn.fit(snake, degrees=(6, 4), range=(-3, 3))
print(found)

# A module that starts at this fit and learns from there. rrn.Rational(snake, degrees=(6, 4)) fits and makes one too,
# and holds the fit outside the range as well, for some accuracy within it.
activation = found.as_module()
x = torch.linspace(-3, 3, 101)
print(f"largest error of the module: {(activation(x) - snake(x)).abs().max().item():.5f}")

model = nn.Sequential(nn.Linear(4, 16), activation, nn.Linear(16, 1))
model(torch.randn(8, 4)).sum().backward()
print(f"gradient w.r.t. the numerator: {activation.numerator.grad.shape}")

try:
    found.figure.savefig("snake.png", dpi=150)
    print("picture: snake.png")
except ImportError as error:  # matplotlib is in the extra `plot`
    print(error)
