"""rrn: reinforcement learning experiments with learnable rational activations."""

from rrn.activations import Rational, RecurrentRational

__all__ = ["Rational", "RecurrentRational", "fit"]
__version__ = "0.1.0"


def __getattr__(name: str):
    """`rrn.fit`, which is imported when it is first asked for: it brings SciPy and matplotlib."""
    if name == "fit":
        from rrn.activations.fit import fit

        return fit
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
