"""Train a classifier with rational activations in plain PyTorch, and compare it with ReLU.

python examples/classify_spirals.py

Needs: rrn without extras.
"""

import math

import torch
from torch import nn

import rrn


def spirals(number: int, noise: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    """Two interleaved spirals: points [number, 2] and their classes [number], 0 or 1."""
    angle = torch.rand(number).sqrt() * 3 * math.pi
    label = torch.randint(2, (number,))
    sign = 1 - 2 * label
    points = torch.stack([angle.cos() * angle * sign, angle.sin() * angle * sign], dim=1) / math.pi
    return points + noise * torch.randn(number, 2), label


def accuracy_with(first: nn.Module, second: nn.Module) -> float:
    """Train a small network with these two activations; the share of new points that it classifies correctly."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 32), first, nn.Linear(32, 32), second, nn.Linear(32, 2))

    # The coefficients of rationals may have a learning rate of their own.
    optimizer = torch.optim.Adam(rrn.parameter_groups(model, lr=0.005, lr_rational=0.01))
    points, labels = spirals(1000)
    for _ in range(300):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(points), labels).backward()
        optimizer.step()

    points, labels = spirals(1000)
    return (model(points).argmax(dim=1) == labels).float().mean().item()


shared = rrn.RecurrentRational("silu")  # one set of coefficients for both layers
print(f"relu               {accuracy_with(nn.ReLU(), nn.ReLU()):.3f}")
print(f"rational           {accuracy_with(rrn.Rational('silu'), rrn.Rational('silu')):.3f}")
print(f"recurrent rational {accuracy_with(shared, shared.again()):.3f}")
