"""rrn: reinforcement learning experiments with learnable rational activations."""

from importlib import import_module

from rrn.activations import Rational, RecurrentRational

_LATER = {  # imported when first asked for: they bring SciPy and matplotlib
    "best_fit": "rrn.activations.best_fit",
    "fit": "rrn.activations.fit",
    "record_inputs": "rrn.activations.inputs",
}

__all__ = ["Rational", "RecurrentRational", *_LATER]
__version__ = "0.1.0"


def __getattr__(name: str):
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
