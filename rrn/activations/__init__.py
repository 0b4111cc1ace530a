"""Activations: rationals with learned coefficients, and what they are compared with."""

from rrn.activations.forms import AffineRational, RationalChain
from rrn.activations.operator import rational
from rrn.activations.rational import Place, Rational, RecurrentRational

__all__ = ["AffineRational", "Place", "Rational", "RationalChain", "RecurrentRational", "rational"]
