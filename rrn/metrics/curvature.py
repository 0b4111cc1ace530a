"""Measure the curvature of a loss, and how far parameters have come."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

ITERATIONS = 10  # of the power iteration


def largest_curvature(loss: Tensor, parameters: Sequence[Tensor], iterations: int = ITERATIONS) -> float:
    """Approximate the eigenvalue of largest size of the Hessian of a loss, by power iteration.

    Each iteration is one product of the Hessian with a vector (Pearlmutter 1994); the result is the Rayleigh quotient
    of the last vector. Its size is at most that of the eigenvalue, and less where the two largest are close to each
    other. It is negative if the loss curves most strongly downwards. The first vector is always the same.

    Args:
        loss: a scalar, computed with gradients.
        parameters: that it was computed from; those without a part in it have no curvature.
        iterations: more are closer.

    Returns:
        The eigenvalue; 0 without curvature, NaN if the loss or a gradient is not finite.
    """
    gradients = torch.autograd.grad(loss, list(parameters), create_graph=True, allow_unused=True)
    used = [(p, g) for p, g in zip(parameters, gradients, strict=True) if g is not None and g.requires_grad]
    if not used:
        return 0.0
    kept, grads = zip(*used, strict=True)
    generator = torch.Generator().manual_seed(0)
    vector = [torch.randn(p.shape, generator=generator).to(p) for p in kept]
    eigenvalue = 0.0
    for _ in range(iterations):
        size = _size(vector)
        if size == 0 or not math.isfinite(size):
            return 0.0 if size == 0 else float("nan")
        vector = [v / size for v in vector]
        product = torch.autograd.grad(grads, kept, vector, retain_graph=True, allow_unused=True)
        image = [torch.zeros_like(p) if h is None else h for p, h in zip(kept, product, strict=True)]
        eigenvalue = sum((v * h).sum().item() for v, h in zip(vector, image, strict=True))
        vector = image
    return eigenvalue


def distance(now: Sequence[Tensor], before: Sequence[Tensor]) -> float:
    """Compute the Euclidean distance between two lists of parameters of the same shapes."""
    return _size([a.detach() - b for a, b in zip(now, before, strict=True)])


def _size(tensors: Sequence[Tensor]) -> float:
    return math.sqrt(sum(t.detach().double().square().sum().item() for t in tensors))
