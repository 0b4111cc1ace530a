"""What it costs that coefficients have two axes, as matrices have, and what a flat shape would cost.

    python scripts/bench/as_matrices.py

Prints, for a rational that starts as GELU: its distance from GELU in nn.Transformer, whose loop over `p.dim() > 1`
reaches the coefficients or not; the error of a small network after training with optimizers that choose by the number
of axes, with the coefficients among the matrices and apart; and the time of a flat shape, as the median ratio of an
interleaved run.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable

import torch
from torch import nn

import rrn
from rrn.activations.ops import coefficients
from rrn.activations.ops.operator import rational

SEEDS = 5
STEPS = 1000


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(4, 32), rrn.Rational("gelu"), nn.Linear(32, 32), rrn.Rational("gelu"), nn.Linear(32, 1)
    )


def trained(make: Callable[[list, list], list[torch.optim.Optimizer]], apart: bool, seed: int) -> float:
    """Return the error on a fixed function after STEPS steps; `apart`: the coefficients are not with the matrices."""
    torch.manual_seed(seed)
    net = network()
    own = set(rrn.rational_parameters(net)) if apart else set()
    matrices = [p for p in net.parameters() if p.dim() > 1 and p not in own]
    optimizers = make(matrices, [p for p in net.parameters() if p.dim() < 2 or p in own])
    for _ in range(STEPS):
        loss = error(net, torch.randn(64, 4))
        net.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
    return error(net, torch.randn(10_000, 4)).item()


def error(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return (net(x)[:, 0] - x.sin().prod(1) - x.norm(dim=1)).square().mean()


def decayed(matrices: list, others: list) -> list[torch.optim.Optimizer]:
    groups = [{"params": matrices, "weight_decay": 1.0}, {"params": others, "weight_decay": 0.0}]
    return [torch.optim.AdamW(groups, lr=3e-3)]


def muon(matrices: list, others: list) -> list[torch.optim.Optimizer]:
    return [torch.optim.Muon(matrices, lr=2e-2), torch.optim.AdamW(others, lr=3e-3, weight_decay=0)]


def in_transformer(protects: bool, seed: int) -> float:
    """Return the RMS difference from GELU on [-3, 3] of the activation of an encoder's first layer."""
    coefficients.PROTECTS = protects
    torch.manual_seed(seed)
    layer = nn.Transformer(8, 2, 1, 1, 16, activation=rrn.Rational("gelu")).encoder.layers[0]
    x = torch.linspace(-3, 3, 601)
    return (layer.activation(x) - nn.functional.gelu(x)).square().mean().sqrt().item()


def flat_time(size: int, turns: int = 400) -> float:
    """Return the median time of forward and backward with flat coefficients, relative to those of two axes."""
    module, x = rrn.Rational("gelu"), torch.randn(size, requires_grad=True)
    pairs = [(c.detach().clone().requires_grad_(), c.detach()[0].clone().requires_grad_()) for c in module.parameters()]
    ways = [lambda: (a for a, _ in pairs), lambda: (b.view(1, -1) for _, b in pairs)]
    times: list[list[float]] = [[], []]
    for turn in range(turns):
        for i in (0, 1) if turn % 2 else (1, 0):
            start = time.perf_counter()
            rational(x, *ways[i]()).sum().backward()
            times[i].append(time.perf_counter() - start)
    return statistics.median(b / a for a, b in zip(*times, strict=True))


def main() -> None:
    warnings.simplefilter("ignore")  # of nested tensors, and of the initialisers
    for protects in (False, True):
        distance = statistics.median(in_transformer(protects, seed) for seed in range(SEEDS))
        print(f"nn.Transformer, {'protected' if protects else 'plain'}: RMS difference from GELU {distance:.4f}")
    for name, make in (("AdamW, decay of matrices 1", decayed), ("Muon for matrices", muon)):
        for apart in (False, True):
            errors = [trained(make, apart, seed) for seed in range(SEEDS)]
            where = "apart" if apart else "among the matrices"
            low, middle, high = min(errors), statistics.median(errors), max(errors)
            print(f"{name}, coefficients {where}: error {middle:.4f} ({low:.4f} to {high:.4f})")
    print(f"flat shape, forward and backward: 512 elements {flat_time(512):.3f}, 65536 elements {flat_time(2**16):.3f}")
    module = nn.Linear(6, 1, bias=False)
    old = torch.optim.Adam(module.parameters())
    module(torch.ones(6)).sum().backward()
    old.step()
    parameter = nn.Parameter(module.weight.detach()[0])
    new = torch.optim.Adam([parameter])
    new.load_state_dict(old.state_dict())
    parameter.sum().backward()
    try:
        new.step()
    except RuntimeError as reason:
        print(f"state of Adam for [1, 6] with a parameter [6]: {reason}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
