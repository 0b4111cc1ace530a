"""Parameters that keep their values where a new model's matrices are initialised at random."""

from __future__ import annotations

import sys
import warnings

import torch
from torch import Tensor, nn

ADVICE = (
    "set them with copy_(), reset them with reset_parameters() of the rational, and leave "
    "rrn.rational_parameters(model) out of loops over weights."
)
PROTECTS = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 8)  # torch.compile takes no other class before
REFUSED = f"expected weights to initialise, got the coefficients of a rational; {ADVICE}"

UNUSED = 1000  # an optimiser that sums gradients of several passes has fewer


class Coefficients(nn.Parameter):
    """Parameter of a rational, which the initialisers of `torch.nn.init` for weights leave as it is.

    Coefficients have two axes, as matrices have, so loops over `p.dim() > 1`, such as that of `nn.Transformer`, would
    replace them by noise. Uniform and normal initialisers do nothing here, with a warning; those that need a matrix
    raise an error. All else is as for `nn.Parameter`, and results of operations are plain tensors. With the first
    forward pass they become parameters of torch's own class: torch is slower with any other (9.2 and 11.4 microseconds
    for 512 elements), and `make_fx` takes no other.
    """

    def __repr__(self) -> str:  # type: ignore[override]
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

    @staticmethod
    def protect(parameter: nn.Parameter | None) -> None:
        """Make a matrix of torch's own class one of this class, in place."""
        if PROTECTS and type(parameter) is nn.Parameter and parameter.dim() > 1:
            parameter.__class__ = Coefficients

    @staticmethod
    def release(*parameters: Tensor) -> None:
        """Make those of this class parameters of torch's own class, in place."""
        for parameter in parameters:
            if type(parameter) is Coefficients:
                parameter.__class__ = nn.Parameter  # type: ignore[assignment]

    def _kept(self, name: str) -> Tensor:
        if "trunc_normal" in sys._getframe(2).f_code.co_name:  # which computes with what this returns
            raise ValueError(REFUSED)
        warnings.warn(
            f"the coefficients of a rational keep their values, {name}() is for weights; {ADVICE}", stacklevel=3
        )
        return self


def warn_if_unused(numerator: Tensor, start: dict[str, list]) -> None:
    """Warn of gradients that were added up for very long without being used: no optimiser has the coefficients.

    Args:
        numerator: coefficients, [groups, n + 1].
        start: starting values of the parameters by name.
    """
    grad = numerator.grad if type(numerator) is nn.Parameter and numerator.is_leaf else None
    if grad is None or grad._version < UNUSED or numerator._version * 10 > grad._version or "numerator" not in start:
        return
    if torch.equal(numerator, numerator.new_tensor(start["numerator"])):
        warnings.warn(
            f"the gradient of shared coefficients was added up {UNUSED} times and they did not change: no optimiser "
            "has them. Put the RecurrentRational itself into the model at the first site, and act.again() at the "
            "others; in stable-baselines3 take rrn.sb3.ActivationFn('recurrent_rational', sites=2).",
            stacklevel=4,
        )
