"""Starting coefficients of a rational: from the table presets.csv, from a fit, or as given."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files

from rrn.activations.fitting.formula import denominator_size
from rrn.activations.fitting.functions import ALIASES, NAMES, Function, as_function

PRESETS = {"l2": ("l2", (-3.0, 3.0)), "minimax": ("minimax", (-3.0, 3.0)), "wide": ("l2", (-5.0, 5.0))}  # norm, range
Coefficients = tuple[list[float], list[float]]


def initial_coefficients(
    init: str | Callable | tuple[Sequence[float], Sequence[float]],
    degrees: tuple[int, int],
    version: str,
    preset: str = "l2",
    as_function: Callable[[str | Callable], Function] = as_function,
) -> Coefficients:
    """Return the coefficients that a rational starts from, lowest power first.

    The usual functions in degrees (5, 4), (7, 6) and (3, 2) come from the table. Other functions and callables are
    fitted here, which takes about a second each. All are bounded outside the range, see docs/details.md no. 18.

    Args:
        init: a name (`rrn.activations.fitting.functions.NAMES`), a callable, or (numerator, denominator).
        degrees, version: form of the rational.
        preset: key of PRESETS: norm and range of the approximation of a name or callable.
        as_function: makes a function on arrays of a name or callable.

    Returns:
        Numerator [n + 1] and denominator [m] (version C: [m + 1]).

    Raises:
        ValueError: unknown name or preset, a callable that cannot be fitted, or given coefficients whose
            number does not match the degrees.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {preset!r}.")
    form = "B" if version == "D" else version
    if callable(init):
        return _fitted(init, degrees, form, preset, as_function)
    if isinstance(init, str):
        if init not in NAMES:
            listed = ", ".join(NAMES)
            raise ValueError(f"init: expected one of {listed}, a callable or two lists of coefficients, got {init!r}.")
        return _named(ALIASES.get(init, init), tuple(degrees), form, preset, as_function)
    try:
        numerator, denominator = ([float(c) for c in row] for row in init)
    except (TypeError, ValueError):
        raise ValueError(
            f"init: expected a name such as leaky_relu, a callable or two lists of coefficients, got {init!r}."
        ) from None
    n, m = degrees
    expected = n + 1, denominator_size(m, version)
    if (len(numerator), len(denominator)) != expected:
        raise ValueError(
            f"init: version {version} with degrees {degrees} has {expected[0]} and {expected[1]} coefficients, "
            f"got {len(numerator)} and {len(denominator)}."
        )
    return numerator, denominator


@cache
def _named(name: str, degrees: tuple[int, int], version: str, preset: str, as_function: Callable) -> Coefficients:
    n, m = degrees
    if name == "identity":  # exact: P = x, Q = 1
        offset = [0.9] if version == "C" else []
        return [0.0, 1.0, *[0.0] * (n - 1)], [*offset, *[0.0] * m]
    row = table().get((name, version, n, m, preset))
    if row is None:
        return _fitted(name, degrees, version, preset, as_function)
    return [float(c) for c in row["numerator"].split()], [float(c) for c in row["denominator"].split()]


@cache
def table() -> dict[tuple, dict[str, str]]:
    """Read presets.csv: its rows by (function, version, n, m, preset)."""
    lines = files("rrn.activations.fitting").joinpath("presets.csv").read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return {(r["function"], r["version"], int(r["n"]), int(r["m"]), r["preset"]): r for r in rows}


def _fitted(
    function: str | Callable, degrees: tuple[int, int], version: str, preset: str, as_function: Callable
) -> Coefficients:
    from rrn.activations.fitting.fit import fit  # SciPy, only needed here

    norm, interval = PRESETS[preset]
    fitted = fit(as_function(function), degrees, version, interval, norm, bounded=True)
    return list(fitted.numerator), list(fitted.denominator)
