"""Random coefficients and layouts of memory for the tests of rationals."""

from __future__ import annotations

import torch

from rrn.activations.ops.reference import denominator_size


def coefficients(version, n, m, groups=1, dtype=torch.float64, seed=0):
    """Random coefficients; for N without poles on the line, if m is even."""
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(groups, n + 1, generator=generator, dtype=dtype)
    b = torch.randn(groups, denominator_size(m, version), generator=generator, dtype=dtype) * 0.3
    if version == "N":
        b[:, 0::2] = 0
        b = b.abs()
    return a, b


def strided(x, layout):
    """The same values in another layout of memory."""
    if layout == "channels_last" and x.dim() == 4:
        return x.to(memory_format=torch.channels_last)
    if layout == "transposed":
        return x.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "every second":
        return torch.stack([x, x + 1], -1)[..., 0]
    return x


def differences(one, other, name=""):
    """Yield the names of all tensors and numbers in which two states differ."""
    if isinstance(one, dict):
        for key in one.keys() | other.keys():
            yield from differences(one[key], other[key], f"{name}.{key}")
    elif isinstance(one, list | tuple):
        for k, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from differences(a, b, f"{name}[{k}]")
    elif isinstance(one, torch.Tensor):
        if not torch.equal(one, other):
            yield name
    elif one != other and one == one:
        yield name
