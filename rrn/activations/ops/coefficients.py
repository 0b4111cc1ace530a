"""Parameters that keep their values where a loop initialises all matrices of a model at random."""

from __future__ import annotations

import sys
import warnings

from torch import Tensor, nn

ADVICE = (
    "set them with copy_(), reset them with reset_parameters() of the rational, and leave "
    "rrn.rational_parameters(model) out of loops over weights."
)
REFUSED = f"expected weights to initialise, got the coefficients of a rational; {ADVICE}"


class Coefficients(nn.Parameter):
    """Parameter of a rational, which the initialisers of `torch.nn.init` for weights leave as it is.

    Coefficients have two axes, as matrices have, so loops over `p.dim() > 1`, such as that of `nn.Transformer`, would
    replace them by noise. Uniform and normal initialisers do nothing here, with a warning; those that need a matrix
    raise an error. All else is as for `nn.Parameter`, and results of operations are plain tensors.
    """

    def __repr__(self) -> str:
        return repr(nn.Parameter(self.data, self.requires_grad))

    def uniform_(self, *arguments, **options) -> Tensor:
        """Keep the values, and warn."""
        return self._kept("uniform_")

    def normal_(self, *arguments, **options) -> Tensor:
        """Keep the values, and warn."""
        return self._kept("normal_")

    def ndimension(self) -> int:
        """Raise a ValueError: `orthogonal_`, `sparse_`, `dirac_` and `eye_` of `nn.init` call this first."""
        raise ValueError(REFUSED)

    def _kept(self, name: str) -> Tensor:
        if "trunc_normal" in sys._getframe(2).f_code.co_name:  # which computes with what this returns
            raise ValueError(REFUSED)
        warnings.warn(
            f"the coefficients of a rational keep their values, {name}() is for weights; {ADVICE}", stacklevel=3
        )
        return self
