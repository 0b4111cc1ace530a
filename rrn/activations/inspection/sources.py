"""What `plot`, `snapshot` and `best_fit` look at: sites of a torch model, or rationals of any framework."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rrn.activations.fitting import functions
from rrn.activations.fitting.functions import Function
from rrn.common.extras import needs
from rrn.frameworks.coefficients import coefficients, evaluate_rows, framework_of, is_coefficients, poles_of


def sites(model: Any) -> list[tuple[str, Any]]:
    """List the name of each activation site and what is there: a module of torch, or a dictionary of coefficients.

    Args:
        model: a model or activation of torch; a rational of another framework; a dictionary as of
            `rrn.convert.coefficients`, or several of these by name.

    Raises:
        ValueError: nothing of these.
    """
    if _is_elsewhere(model):
        return [("", coefficients(model))]
    if isinstance(model, Mapping):
        return [(name, coefficients(one)) for name, one in model.items()]
    with needs("a model of torch"):
        from rrn.activations.sites import named_activations
    return list(named_activations(model))


def kind_of(site: Any) -> str:
    """Name the class of a site, which is called Rational where only its coefficients are known."""
    return "Rational" if is_coefficients(site) else type(site).__name__


def values(site: Any, x: np.ndarray) -> np.ndarray:
    """Evaluate a site at x [K] without noise, [K, lines]: a line for each row of coefficients or each output."""
    if is_coefficients(site):
        return evaluate_rows(site, x)
    from rrn.activations.inspection.module_values import values as values_of_module  # torch

    return values_of_module(site, x)


def poles(site: Any) -> tuple[float, ...]:
    """Return the real poles of all rows of coefficients, rising; only a rational of version N can have any."""
    if is_coefficients(site):
        return poles_of(site)
    from rrn.activations.rational import poles as poles_of_module  # torch

    return poles_of_module(site)


def torch_is_in_use() -> bool:
    """Return whether torch was imported: elsewhere nothing can be a tensor or a module of it."""
    return sys.modules.get("torch") is not None


def as_function(function: str | Callable) -> Function:
    """Return a function on arrays [K], of a name or callable; a callable on tensors only where torch is in use."""
    if not torch_is_in_use():
        return functions.as_function(function)
    from rrn.activations.functions import as_function as of_tensors_too

    return of_tensors_too(function)


def named(name: str) -> Callable:
    """Return the known function of this name, on tensors where torch is in use, on arrays elsewhere.

    Raises:
        ValueError: unknown name.
    """
    if not torch_is_in_use():
        return functions.FUNCTIONS[functions.full_name(name)]
    from rrn.activations.functions import named as on_tensors

    return on_tensors(name)


def in_float32(x: np.ndarray) -> Any:
    """Return x [K] in float32, as a tensor where torch is in use."""
    if not torch_is_in_use():
        return x.astype(np.float32)
    import torch

    return torch.from_numpy(x).float()


def as_curve(site: Any) -> Any:
    """Return a function on arrays [K] for a rational of another framework or a dictionary; else the same object.

    Raises:
        ValueError: it has several rows of coefficients.
    """
    if _is_elsewhere(site):
        given = coefficients(site)
        rows, one = len(given["numerator"]), "give one of them"
    elif torch_is_in_use():
        from rrn.activations.inspection.module_values import rows_of  # torch

        rows = rows_of(site)
        one = "name one of them, as in best_fit(lambda x: module.evaluate_rows(x[:, None])[:, 0])"
    else:
        return site
    if rows > 1:
        raise ValueError(f"module: expected one function, it has {rows} rows of coefficients; {one}.")
    return (lambda x: evaluate_rows(given, x)[:, 0]) if _is_elsewhere(site) else site


def _is_elsewhere(site: Any) -> bool:
    """Return whether this is a rational, but no module of torch."""
    return is_coefficients(site) or framework_of(site) not in (None, "torch")
