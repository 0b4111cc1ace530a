"""Define a setting with its range in one line of a dataclass, and check the ranges of a configuration."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import Field, field, fields, is_dataclass
from typing import Any

from omegaconf import MISSING

from rrn.common.errors import UserError

NO_USUAL_VALUE = 10**10  # an upper limit from here on is for slips alone, and named to nobody else
LARGE = 1e38  # limit of a rate and the like, nearly that of float32
STEPS = 10**12  # limit of a number of steps, 30 years at 1,000 a second; it stands for "never" too


def setting(
    default: Any = MISSING,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    choices: Collection[str] | None = None,
    about: str = "",
) -> Any:
    """Make a field of a configuration class, with its meaning and the values that it may have.

    Args:
        default: its value where no file sets one.
        at_least, above, at_most: limits of a number; null is allowed if the type of the field allows it.
        choices: the words that it may be.
        about: what it means, a few words for `python -m rrn.train --help`.
    """
    limits = {"at_least": at_least, "above": above, "at_most": at_most, "choices": choices}
    return field(default=default, metadata={"limits": limits, "about": about})


def check_ranges(config: Any, prefix: str = "") -> None:
    """Check the fields of a configuration, and of those in it, against their ranges.

    Args:
        config: an instance of a dataclass.
        prefix: what comes before the names of its fields, such as "agent.".

    Raises:
        UserError: a value is outside its range.
    """
    for entry in fields(config):
        value, name = getattr(config, entry.name), prefix + entry.name
        if is_dataclass(value):
            check_ranges(value, f"{name}.")
        elif value is not None:
            null = ", or null" if "None" in str(entry.type) else ""
            for holds, expected in _limits(value, **entry.metadata.get("limits", {})):
                require(holds, name, expected + null, value)


def _limits(value: Any, at_least=None, above=None, at_most=None, choices=None) -> Iterator[tuple[bool, str]]:
    """Yield for each limit: is the value within it, and the words for what was expected."""
    if at_least is not None and at_most is not None and at_most < NO_USUAL_VALUE:
        yield at_least <= value <= at_most, f"a number from {at_least} to {at_most}"
    else:
        if at_least is not None:
            yield value >= at_least, f"{at_least} or more"
        if above is not None:
            yield value > above, f"a number above {above}"
        if at_most is not None:
            yield value <= at_most, f"at most {at_most}"
    if choices is not None:
        yield value in choices, " or ".join(choices) if len(choices) <= 2 else f"one of {', '.join(choices)}"


def expected_values(entry: Field) -> str:
    """Say which values the field of a setting may have, for a line of help, such as "1 to 4096"."""
    limits, kind = entry.metadata.get("limits", {}), str(entry.type)
    at_least, above = limits.get("at_least"), limits.get("above")
    at_most = limits.get("at_most") or NO_USUAL_VALUE
    if limits.get("choices"):
        words = ", ".join(limits["choices"])
    elif "bool" in kind:
        words = "true or false"
    elif above is not None:
        words = f"above {above:g}"
    elif at_least is not None:
        words = f"{at_least:g} to {at_most}" if at_most < NO_USUAL_VALUE else f"from {at_least:g}"
    else:
        words = ""
    named = "null:" in entry.metadata.get("about", "")  # with its meaning
    return f"{words}, or null" if words and "None" in kind and not named else words


def require(holds: object, name: str, expected: str, value: object) -> None:
    """Raise a UserError "name: expected ..., got ..." unless a condition holds.

    Args:
        holds: the condition; its truth value counts.
        name: of the setting.
        expected: the values that it may have, in words.
        value: what came.
    """
    if not holds:
        raise UserError(f"{name}: expected {expected}, got {typed(value)}.")


def typed(value: object) -> str:
    """Write a value as on the command line: null, true and false, not None, True and False."""
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))
