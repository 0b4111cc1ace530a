"""Other forms of rationals: with a learned scale and shift in and out, and several in a chain."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rrn.activations.rational import Rational
from rrn.common.renamed import renamed_method

torch.fx.wrap("_wide")  # it asks for the type, which a traced graph knows when it runs


class AffineRational(Rational):
    """a R(c x + d) + b with learned a, b, c and d, which start as 1, 0, 1 and 0.

    Arguments and shapes as for `Rational`. They are called `output_scale`, `output_shift`, `input_scale` and
    `input_shift`, each []. `rational_activations` has this as AugmentedRational.
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

    def evaluate(self, x: Tensor, noisy: bool = False) -> Tensor:
        """a R(c x + d) + b, with the shape and type of x; arithmetic is float32 at least."""
        return self._affine(super().evaluate(self._inside(_wide(x)), noisy)).to(x.dtype)

    def evaluate_rows(self, x: Tensor) -> Tensor:
        """Evaluate each row of coefficients without noise, [K, 1] to [K, groups]."""
        return self._affine(super().evaluate_rows(self._inside(x)))

    def _inside(self, x: Tensor) -> Tensor:
        return self.input_scale * x + self.input_shift

    def _affine(self, y: Tensor) -> Tensor:
        return self.output_scale * y + self.output_shift


def _wide(x: Tensor) -> Tensor:
    """x in the type of the arithmetic, float32 at least."""
    if not x.is_floating_point():
        raise ValueError(f"expected an input of a float type, got {x.dtype}.")
    return x.to(torch.promote_types(x.dtype, torch.float32))


class RationalChain(nn.Sequential):
    """Rationals one after the other, R_k(... R_1(x)): the first starts as `init`, the others as the identity.

    Args:
        init: as for `Rational`.
        length: how many.
        options: of each, as for `Rational`.

    `rational_activations` has this as EmbeddedRational. Any shape in, the same out.

    Raises:
        ValueError: `length` below 1, or what `Rational` raises.
    """

    def __init__(self, init="leaky_relu", length: int = 2, **options):
        if length < 1:
            raise ValueError(f"length: expected 1 or more, got {length}.")
        super().__init__(*(Rational("identity" if i else init, **options) for i in range(length)))

    def evaluate_rows(self, x: Tensor) -> Tensor:
        """The chain without noise for each row of coefficients, [K, 1] to [K, groups]."""
        for module in self:
            x = module.evaluate_rows(x)
        return x

    each_row = renamed_method("each_row", "evaluate_rows")
