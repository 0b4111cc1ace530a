"""Activations: rationals with learned coefficients, and the activations they are compared with.

Names are imported on first use, so that `rrn.activations.fitting` works without torch.
"""

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.util import spec_from_loader
from typing import TYPE_CHECKING

from rrn.common.renamed import renamed

if TYPE_CHECKING:
    from rrn.activations.affine_and_chain import AffineRational as AffineRational
    from rrn.activations.affine_and_chain import RationalChain as RationalChain
    from rrn.activations.rational import Rational as Rational
    from rrn.activations.rational import RecurrentRational as RecurrentRational
    from rrn.activations.rational import SharedRational as SharedRational

_LATER = {
    **dict.fromkeys(("SharedRational", "Rational", "RecurrentRational"), "rrn.activations.rational"),
    **dict.fromkeys(("AffineRational", "RationalChain"), "rrn.activations.affine_and_chain"),
}
_MODULES = ("fitting", "ops", "rational", "affine_and_chain")
_MOVED = {  # old name of a module, which is in pickles and whole models of earlier versions: new name
    "animate": "inspection.animate",
    "best_fit": "inspection.best_fit",
    "convert": "conversion.replace",
    "cpu": "ops.cpu",
    "cuda": "ops.cuda",
    "expression": "fitting.expression",
    "fit": "fit_to_module",
    "fitted": "fit_to_module",
    "forms": "affine_and_chain",
    "functional": "conversion.functional_calls",
    "imports": "conversion.legacy",
    "initial": "fitting.presets",
    "inputs": "inspection.histogram",
    "least_squares": "fitting.least_squares",
    "minimax": "fitting.minimax",
    "operator": "ops.operator",
    "places": "sites",
    "plain": "baselines",
    "plot": "inspection.plot",
    "poles": "rational",
    "reference": "ops.reference",
    "refit": "conversion.change_form",
    "snapshots": "inspection.snapshots",
    "training": "optim",
}

__all__ = [*_LATER]
_renamed = renamed(__name__, {"Place": "rrn.activations.rational:SharedRational"})


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_MODULES})


def __getattr__(name: str):
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if name in _MODULES or name in _MOVED:
        return import_module(f"rrn.activations.{name}")
    return _renamed(name)


class _OldNames(MetaPathFinder, Loader):
    """Import a module by its old name: make a module with the contents of the renamed one, and warn."""

    def find_spec(self, name, path=None, target=None):
        package, _, old = name.rpartition(".")
        return spec_from_loader(name, self) if package == __name__ and old in _MOVED else None

    def exec_module(self, module) -> None:
        new = f"{__name__}.{_MOVED[module.__name__.rpartition('.')[2]]}"
        warnings.warn(f"{module.__name__} is {new} now; import that.", DeprecationWarning, stacklevel=2)
        names = vars(import_module(new)).items()
        vars(module).update((key, value) for key, value in names if key[:2] != "__" or key == "__getattr__")


sys.meta_path.append(_OldNames())
