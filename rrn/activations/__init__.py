"""Activations: rationals with learned coefficients, and what they are compared with."""

from rrn.activations.rational import Place, Rational, RecurrentRational
from rrn.activations.reference import rational

__all__ = ["Place", "Rational", "RecurrentRational", "rational"]
