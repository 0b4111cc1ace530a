"""Activations: rationals with learned coefficients, and what they are compared with."""

from rrn.activations.ops.operator import rational
from rrn.activations.rational import Place, Rational, RecurrentRational
from rrn.activations.variants import AffineRational, RationalChain

__all__ = ["AffineRational", "Place", "Rational", "RationalChain", "RecurrentRational", "rational"]
