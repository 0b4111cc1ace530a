"""Check what a line of shapes.jsonl holds, before anything is made of it: another program may have written it."""

from __future__ import annotations

import math
from typing import Any

from rrn.activations.fitting.formula import VERSIONS
from rrn.activations.inspection.parametric import PARAMETRIC

MOST_SITES, MOST_ROWS, MOST_COEFFICIENTS, MOST_NUMBERS = 1_000, 8_192, 64, 1 << 22


def check_snapshot(values: Any) -> None:
    """Check a snapshot as `Snapshot.to_json` writes it.

    Raises:
        ValueError, KeyError, TypeError: it lacks something, or a value has another form or size.
    """
    step, places = values["step"], values["places"]
    _require(type(step) is int and 0 <= step < 2**63, "step", "a whole number", step)
    _require(isinstance(places, dict) and 0 < len(places) <= MOST_SITES, "places", "sites by name", places)
    for site in places.values():
        _check_site(site)


def _check_site(site: dict) -> None:
    _require(isinstance(site["kind"], str), "kind", "a name", site["kind"])
    if site.get("version") is not None:
        _require(site["version"] in VERSIONS, "version", "a version of rationals", site["version"])
        groups = _rows("numerator", site["numerator"], MOST_COEFFICIENTS)
        _require(
            _rows("denominator", site["denominator"], MOST_COEFFICIENTS) == groups, "denominator", "as many", groups
        )
    else:
        _pair("x", site["x"])
        _rows("y", site["y"], MOST_NUMBERS)
    parameters = site.get("parameters")
    if parameters is not None:
        names = PARAMETRIC.get(site["kind"], ((), None))[0]
        expected = f"those of {site['kind']:.40}, {list(names)}" if names else "none"
        _require(isinstance(parameters, dict) and parameters.keys() == set(names), "parameters", expected, parameters)
        for value in parameters.values():
            _numbers("parameters", value if isinstance(value, list) and value else [value], MOST_ROWS)
    if "inputs" in site:
        inputs = site["inputs"]
        if inputs["range"] is not None:
            _pair("range", inputs["range"])
        counts = [*inputs["counts"], *inputs["outside"]]
        _require(
            len(inputs["outside"]) == 3 and len(counts) <= MOST_NUMBERS, "counts", "those of the bins", len(counts)
        )
        _require(all(type(c) is int and c >= 0 for c in counts) and sum(counts) < 2**62, "counts", "counts", "others")


def _rows(name: str, rows: Any, most: int) -> int:
    """Check lists of numbers of equal lengths, [rows, numbers], and return how many they are."""
    _require(isinstance(rows, list) and 0 < len(rows) <= MOST_ROWS, name, "lists of numbers", rows)
    for row in rows:
        _numbers(name, row, most)
        _require(len(row) == len(rows[0]) and len(row) * len(rows) <= MOST_NUMBERS, name, "equal lengths", len(row))
    return len(rows)


def _numbers(name: str, values: Any, most: int) -> None:
    fits = isinstance(values, list) and len(values) <= most
    _require(fits and all(type(value) in (int, float) for value in values), name, "numbers", values)
    _require(all(abs(value) < 1e300 or not math.isfinite(value) for value in values), name, "numbers", "larger ones")


def _pair(name: str, ends: Any) -> None:
    _numbers(name, list(ends), 2)
    fits = len(ends) == 2 and all(map(math.isfinite, ends)) and ends[0] < ends[1] and ends[1] - ends[0] < 1e30
    _require(fits, name, "two numbers that rise", ends)


def _require(holds: bool, name: str, expected: str, value: object) -> None:
    if not holds:
        raise ValueError(f"{name}: expected {expected}, got {_short(value)}")


def _short(value: object) -> str:
    return f"{value!r:.40}" if isinstance(value, str | int | float) else type(value).__name__
