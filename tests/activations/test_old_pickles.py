"""What version 0.1.0 pickled loads again, though its modules have other names now."""

from __future__ import annotations

import pickle
import subprocess
import sys
from importlib import import_module

import pytest
import torch

import rrn
from rrn.activations.inspection.best_fit import FunctionFit
from rrn.activations.inspection.fitted_function import FittedFunction
from rrn.activations.inspection.snapshots import SiteSnapshot

NAMES = {
    "animate": "animate draw_runs",
    "best_fit": "Known KnownFit best_fit",
    "convert": "Replaced replace_activations",
    "expression": "parse",
    "fit": "Fit fit",
    "fitted": "Fit fit",
    "forms": "AffineRational RationalChain",
    "functional": "functional_calls",
    "functions": "FUNCTIONS NAMES _OnArrays as_function named",
    "imports": "LearnedActivation load_old_state_dict read_learned_activations",
    "initial": "PRESETS initial_coefficients table",
    "inputs": "Histogram record_inputs",
    "least_squares": "least_squares polynomial q",
    "minimax": "minimax",
    "operator": "rational",
    "places": "places",
    "plain": "CReLU DSiLU PELU",
    "plot": "Shape draw plot",
    "poles": "poles real_poles",
    "rational": "Place Rational RecurrentRational check_form is_range owner_of rational_with_tails",
    "reference": "VERSIONS denominator_size gradients rational",
    "refit": "Change change_degrees change_version",
    "registry": "ACTIVATIONS make_activations named_rationals",
    "snapshots": "PlaceSnapshot Snapshot read_snapshots snapshot",
    "training": "ShapePenalty parameter_groups rational_parameters",
}


def by_name(module: str, name: str) -> object:
    """What a pickle finds under this name."""
    return pickle.loads(f"c{module}\n{name}\n.".encode())


@pytest.mark.filterwarnings("ignore:.* now; (import|use) that:DeprecationWarning")
@pytest.mark.parametrize("old", NAMES)
def test_a_pickle_of_an_old_name_gives_what_is_there_now(old):
    new = rrn.activations._MOVED.get(old, old)
    for name in NAMES[old].split():
        found = by_name(f"rrn.activations.{old}", name)
        assert found is getattr(import_module(f"rrn.activations.{new}"), name)
        if isinstance(found, type):
            assert not found.__module__.startswith(f"rrn.activations.{old}.")


def test_an_import_of_an_old_name_warns_with_the_new_one():
    for old, new in rrn.activations._MOVED.items():
        sys.modules.pop(f"rrn.activations.{old}", None)
        with pytest.warns(DeprecationWarning, match=rf"rrn\.activations\.{old} is rrn\.activations\.{new} now"):
            import_module(f"rrn.activations.{old}")


@pytest.mark.parametrize("protocol", [0, 1])  # those without the length of a name
def test_what_was_pickled_under_the_old_name_of_its_class_loads_with_a_warning(protocol):
    fit = rrn.best_fit(torch.tanh, ["sigmoid", "relu"])
    site = rrn.snapshot(rrn.Rational("silu")).places[""]
    for thing, old in ((fit, "KnownFit"), (fit.as_module(), "Known"), (site, "PlaceSnapshot")):
        new = type(thing).__name__
        data = pickle.dumps(thing, protocol).replace(f"\n{new}\n".encode(), f"\n{old}\n".encode())
        data = data.replace(b".fitted_function\n", b".best_fit\n")
        with pytest.warns(DeprecationWarning, match=rf"\.{old} is rrn\..*\.{new} now"):
            again = pickle.loads(data)
        assert type(again) in (FittedFunction, FunctionFit, SiteSnapshot)
        assert type(again) is type(thing)
        assert str(again) == str(thing)


def test_methods_have_their_old_names_too():
    x = torch.linspace(-2, 2, 5)[:, None]
    for act in (rrn.Rational("silu", groups=3), rrn.AffineRational("silu"), rrn.RationalChain("silu")):
        with pytest.warns(DeprecationWarning, match=r"\.each_row is \w+\.evaluate_rows now; use that"):
            assert torch.equal(act.each_row(x), act.evaluate_rows(x))
    site = rrn.snapshot(rrn.Rational("silu")).places[""]
    with pytest.warns(DeprecationWarning, match=r"SiteSnapshot\.learned is SiteSnapshot\.to_module now"):
        assert torch.equal(site.learned()(x), site.to_module()(x))


def test_other_names_are_not_found():
    for name in ("rrn.activations.form", "rrn.forms", "rrn.activations.fitting.forms"):
        with pytest.raises(ModuleNotFoundError, match=name):
            import_module(name)
    assert not hasattr(rrn.activations, "form")


def test_neither_the_package_nor_its_old_names_import_torch_before_they_are_asked():
    script = "import sys, rrn.activations; assert 'torch' not in sys.modules; import rrn.activations.expression; "
    subprocess.run([sys.executable, "-c", script + "assert 'torch' not in sys.modules"], check=True)
