"""rrn: reinforcement learning experiments with learnable rational activations."""

from importlib import import_module
from typing import TYPE_CHECKING

from rrn.common.process import begin_command, is_command_of_rrn

if is_command_of_rrn():  # here, so that Ctrl-C while the command is imported is one line
    begin_command()

if TYPE_CHECKING:
    from rrn.activations import AffineRational as AffineRational
    from rrn.activations import Rational as Rational
    from rrn.activations import RationalChain as RationalChain
    from rrn.activations import RecurrentRational as RecurrentRational

_LATER = {  # name: module, imported when first asked for: they bring torch and SciPy
    **dict.fromkeys(("AffineRational", "Rational", "RationalChain", "RecurrentRational"), "rrn.activations"),
    "animate": "rrn.activations.inspection.animate",
    "as_function": "rrn.activations.functions",
    "best_fit": "rrn.activations.inspection.best_fit",
    "change_degrees": "rrn.activations.conversion.change_form",
    "change_version": "rrn.activations.conversion.change_form",
    "fit": "rrn.activations.fit_to_module",
    "Histogram": "rrn.activations.inspection.histogram",
    "load_old_state_dict": "rrn.activations.conversion.legacy",
    "parameter_groups": "rrn.activations.optim",
    "plot": "rrn.activations.inspection.plot",
    "rational_parameters": "rrn.activations.optim",
    "read_learned_activations": "rrn.activations.conversion.legacy",
    "record_inputs": "rrn.activations.inspection.recording",
    "replace_activations": "rrn.activations.conversion.replace",
    "ShapePenalty": "rrn.activations.optim",
    "snapshot": "rrn.activations.inspection.snapshots",
}
_OF_RUNS = {  # the same, which need the extra `rl`; so `from rrn import *` leaves them out
    "export_policy": "rrn.policies",
    "load": "rrn.training.loaded",
    "train": "rrn.training.train_function",
}
_MODULES = ("activations", "sb3")

__all__ = [*_LATER]
__version__ = "0.1.0"


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_OF_RUNS, *_MODULES})


def __getattr__(name: str):
    if name in _LATER or name in _OF_RUNS:
        from rrn.common.extras import needs

        with needs(f"rrn.{name}", "rl" if name in _OF_RUNS else "torch"):
            return getattr(import_module((_LATER | _OF_RUNS)[name]), name)
    if name in _MODULES:
        return import_module(f"rrn.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
