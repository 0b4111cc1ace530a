"""Starting coefficients of a rational: from the table, from a fit, or as given."""

from __future__ import annotations

from collections.abc import Sequence

from rrn.activations.coefficients import COEFFICIENTS
from rrn.activations.reference import denominator_size

NAMES = ("leaky_relu", "relu", "tanh", "sigmoid", "gelu", "silu", "identity")


def initial_coefficients(
    init: str | tuple[Sequence[float], Sequence[float]], degrees: tuple[int, int], version: str
) -> tuple[list[float], list[float]]:
    """Numerator [n + 1] and denominator [m] (version C: [m + 1]) to start from, lowest power first.

    Degrees (5, 4) come from the table; others are fitted here, which takes about a second each.

    Raises:
        ValueError: unknown name, or given coefficients whose number does not suit the degrees.
    """
    n, m = degrees
    if not isinstance(init, str):
        numerator, denominator = ([float(c) for c in row] for row in init)
        expected = n + 1, denominator_size(m, version)
        if (len(numerator), len(denominator)) != expected:
            raise ValueError(
                f"init: version {version} with degrees {degrees} has {expected[0]} and {expected[1]} coefficients, "
                f"got {len(numerator)} and {len(denominator)}."
            )
        return numerator, denominator
    if init not in NAMES:
        raise ValueError(f"init: expected one of {', '.join(NAMES)} or two lists of coefficients, got {init!r}.")
    form = "B" if version == "D" else version
    if degrees == (5, 4):
        entry = COEFFICIENTS[init][form]
        return list(entry["numerator"]), list(entry["denominator"])
    from rrn.activations.fit import fit_named  # SciPy, only needed here

    found = fit_named(init, degrees, form)
    return list(found.numerator), list(found.denominator)
