"""Activations: rationals with learned coefficients, and what they are compared with.

Names are imported on first use, so that `rrn.activations.fitting` does without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rrn.activations.rational import Place as Place
    from rrn.activations.rational import Rational as Rational
    from rrn.activations.rational import RecurrentRational as RecurrentRational
    from rrn.activations.variants import AffineRational as AffineRational
    from rrn.activations.variants import RationalChain as RationalChain

_LATER = {
    **dict.fromkeys(("Place", "Rational", "RecurrentRational"), "rrn.activations.rational"),
    **dict.fromkeys(("AffineRational", "RationalChain"), "rrn.activations.variants"),
}
_MODULES = ("fitting", "ops", "rational", "variants")

__all__ = [*_LATER]


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_MODULES})


def __getattr__(name: str):
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if name in _MODULES:
        return import_module(f"rrn.activations.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
