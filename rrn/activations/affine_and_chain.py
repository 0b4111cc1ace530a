"""Variants of rationals: with a learned scale and shift of input and output, and several in a chain."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from rrn.activations.fitting.formula import whole
from rrn.activations.ops.operator import is_nested
from rrn.activations.rational import Rational
from rrn.common.renamed import renamed_method

torch.fx.wrap("_wide")  # it reads the dtype, which a traced graph knows only when it runs


class AffineRational(Rational):
    """Rational with learned affine maps around it: a R(c x + d) + b, where a, b, c, d start as 1, 0, 1, 0.

    Arguments and shapes are those of `Rational`. The parameters a, b, c, d are `output_scale`, `output_shift`,
    `input_scale` and `input_shift`, each []. In `rational_activations` this is AugmentedRational.
    """

    output_scale: nn.Parameter
    output_shift: nn.Parameter
    input_scale: nn.Parameter
    input_shift: nn.Parameter

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        for side in ("input", "output"):
            for name, start in (("scale", 1.0), ("shift", 0.0)):
                number = nn.Parameter(self.numerator.new_full((), start), options.get("trainable", True))
                self.register_parameter(f"{side}_{name}", number)
                self._start[f"{side}_{name}"] = start

    def evaluate(self, x: Tensor, noisy: bool = False) -> Tensor:
        """Return a R(c x + d) + b, with the shape and dtype of x; arithmetic is float32 at least."""
        return self._affine(super().evaluate(self._inside(_wide(x)), noisy)).to(x.dtype)

    def evaluate_rows(self, x: Tensor) -> Tensor:
        """Evaluate each row of coefficients without noise, [K, 1] to [K, groups]."""
        return self._affine(super().evaluate_rows(self._inside(x)))

    def coefficients(self) -> tuple[np.ndarray, np.ndarray]:
        """Raise a ValueError: two rows of coefficients do not tell the values of a R(c x + d) + b."""
        raise ValueError("expected a Rational, got an AffineRational, whose scales and shifts no other framework has.")

    def _inside(self, x: Tensor) -> Tensor:
        return self.input_scale * x + self.input_shift

    def _affine(self, y: Tensor) -> Tensor:
        return self.output_scale * y + self.output_shift


def _wide(x: Tensor) -> Tensor:
    """Return x in the dtype of the arithmetic, float32 at least."""
    is_nested(x)  # raises ValueError unless it is a tensor of a float dtype
    return x.to(torch.promote_types(x.dtype, torch.float32))


class RationalChain(nn.Sequential):
    """Composition of rationals, R_k(... R_1(x)): the first starts as `init`, the others as the identity.

    Args:
        init: starting function, as for `Rational`.
        length: number of rationals.
        options: further arguments of each `Rational`.

    Input and output have the same shape, which may be any. In `rational_activations` this is EmbeddedRational.

    Raises:
        ValueError: `length` below 1, or what `Rational` raises.
    """

    def __init__(self, init="leaky_relu", length: int = 2, **options):
        length = whole("length", length)
        if length < 1:
            raise ValueError(f"length: expected 1 or more, got {length}.")
        super().__init__(*(Rational("identity" if i else init, **options) for i in range(length)))

    def evaluate_rows(self, x: Tensor) -> Tensor:
        """Evaluate the chain without noise for each row of coefficients, [K, 1] to [K, groups]."""
        for module in self:
            x = module.evaluate_rows(x)
        return x

    each_row = renamed_method("each_row", "evaluate_rows")
