"""rrn: reinforcement learning experiments with learnable rational activations."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rrn.activations import AffineRational as AffineRational
    from rrn.activations import Rational as Rational
    from rrn.activations import RationalChain as RationalChain
    from rrn.activations import RecurrentRational as RecurrentRational

_LATER = {  # name: module, imported when first asked for: they bring torch, SciPy, matplotlib
    **dict.fromkeys(("AffineRational", "Rational", "RationalChain", "RecurrentRational"), "rrn.activations"),
    "animate": "rrn.activations.animate",
    "best_fit": "rrn.activations.best_fit",
    "change_degrees": "rrn.activations.refit",
    "change_version": "rrn.activations.refit",
    "fit": "rrn.activations.fit",
    "load_old_state_dict": "rrn.activations.imports",
    "parameter_groups": "rrn.activations.training",
    "plot": "rrn.activations.plot",
    "read_learned_activations": "rrn.activations.imports",
    "record_inputs": "rrn.activations.inputs",
    "replace_activations": "rrn.activations.convert",
    "ShapePenalty": "rrn.activations.training",
    "snapshot": "rrn.activations.snapshots",
}
_MODULES = ("activations", "sb3")

__all__ = [*_LATER]
__version__ = "0.1.0"


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_MODULES})


def __getattr__(name: str):
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if name in _MODULES:
        return import_module(f"rrn.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
