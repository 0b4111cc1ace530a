"""rrn: reinforcement learning experiments with learnable rational activations."""

from rrn.activations import Rational, RecurrentRational

__all__ = ["Rational", "RecurrentRational"]
__version__ = "0.1.0"
