"""Coefficients of a rational of any framework as a plain dictionary; no framework is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np

from rrn.activations.fitting.form import Form
from rrn.activations.fitting.formula import is_range, real_poles, whole
from rrn.frameworks.arrays import Problem, check, numbers
from rrn.frameworks.tails import LinearTails

FRAMEWORKS = ("torch", "numpy", "nnx", "linen", "equinox", "keras", "mxnet")
KEYS = ("numerator", "denominator", "version")  # what a dictionary has at least


class CoefficientDict(TypedDict):
    """A rational as arrays and plain values."""

    numerator: np.ndarray  # [G, n + 1], lowest power first
    denominator: np.ndarray  # [G, m], or [G, m + 1] for version C
    version: str  # A, B, C, D or N
    axis: int  # for G > 1, the axis of the input that is split into groups
    tail_range: tuple[float, float] | None  # where linear tails begin; None: R everywhere


def coefficients(rational: Any, params: Any = None) -> CoefficientDict:
    """Return copies of the coefficients of a rational, with what else tells its values.

    Args:
        rational: that of any framework, also a recurrent one of torch or a site of it; or such a dictionary, whose
            axis is 1 and whose tail_range is None if it lacks them.
        params: of a Flax Linen module, its variables or its own branch of them; None for all others, and for a module
            that is bound.

    Raises:
        ValueError: something else, a chain or an affine rational, arrays that do not go together, or a Linen module
            without its variables.
    """
    if isinstance(rational, Mapping):
        return _checked(rational)
    if params is not None:
        rational = rational.bind({"params": params} if "numerator" in params else params)
    form = getattr(rational, "form", None)
    if form is None and framework_of(rational) == "linen":
        raise ValueError("expected the variables of this Linen module too, as params=, or a module that is bound.")
    if not isinstance(form, Form):
        raise ValueError(
            "expected a Rational of torch, NumPy, Flax, Equinox, Keras or MXNet, or a dictionary with "
            f"{', '.join(KEYS)}, got {type(rational).__name__}."
        )
    numerator, denominator = (np.array(c) for c in rational.coefficients())
    return CoefficientDict(
        numerator=numerator,
        denominator=denominator,
        version=form.version,
        axis=form.axis,
        tail_range=form.tail_range,
    )


def evaluate_rows(given: CoefficientDict, x: np.ndarray) -> np.ndarray:
    """Evaluate each row of coefficients at x [K] in float64, [K, G]."""
    a, b = given["numerator"], given["denominator"]
    points = np.repeat(np.asarray(x, dtype=np.float64)[:, None], len(a), axis=1)
    if given["tail_range"] is None:
        return Problem(points, a, b, given["version"], 1).forward()
    return LinearTails(points, a, b, given["version"], 1, given["tail_range"]).forward()


def poles_of(given: CoefficientDict) -> tuple[float, ...]:
    """Return the real poles of all rows, rising; only version N can have any."""
    if given["version"] != "N":
        return ()
    return tuple(sorted({pole for row in given["denominator"].tolist() for pole in real_poles(row)}))


def is_coefficients(given: Any) -> bool:
    """Return whether this is a dictionary of a rational, not one of several by name."""
    return isinstance(given, Mapping) and "numerator" in given


def form_of(given: CoefficientDict) -> Form:
    """Return the form of a rational with these coefficients, which were checked."""
    numerator, denominator, version = given["numerator"], given["denominator"], given["version"]
    degrees = numerator.shape[1] - 1, denominator.shape[1] - (version == "C")
    return Form(degrees, version, len(numerator), given["axis"], given["tail_range"])


def framework_of(rational: Any) -> str | None:
    """Name the framework that a rational is of; None for anything else, such as a dictionary or a model."""
    for kind in type(rational).__mro__:
        if kind.__module__.startswith("rrn.activations."):
            return "torch"
        package, _, name = kind.__module__.partition(".")
        if package == "rrn" and name in FRAMEWORKS:
            return name
    return None


def _checked(given: Mapping) -> CoefficientDict:
    missing = [key for key in KEYS if key not in given]
    if missing:
        raise ValueError(f"expected a dictionary with {', '.join(KEYS)}; missing: {', '.join(missing)}.")
    rows = [np.array(np.atleast_2d(numbers(key, given[key]))) for key in KEYS[:2]]
    version, axis, ends = given["version"], whole("axis", given.get("axis", 1)), given.get("tail_range")
    check((len(rows[0]),), rows[0].shape, rows[1].shape, version, 0)
    if not (ends is None or is_range(ends)):
        raise ValueError(f"tail_range: expected None or two numbers (low, high) with low < high, got {ends!r}.")
    return CoefficientDict(
        numerator=rows[0],
        denominator=rows[1],
        version=version,
        axis=axis,
        tail_range=None if ends is None else (float(ends[0]), float(ends[1])),
    )
