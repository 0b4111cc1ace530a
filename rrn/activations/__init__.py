"""Activations: rationals with learned coefficients, and what they are compared with."""

from rrn.activations.operator import rational
from rrn.activations.rational import Place, Rational, RecurrentRational

__all__ = ["Place", "Rational", "RecurrentRational", "rational"]
