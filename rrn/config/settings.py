"""A setting with its range: one line in a dataclass, checked for every configuration."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import field, fields, is_dataclass
from typing import Any

from omegaconf import MISSING

from rrn.common.errors import UserError


def setting(
    default: Any = MISSING,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    choices: Collection[str] | None = None,
) -> Any:
    """A field of a configuration class, with the values that it may have.

    Args:
        default: its value where no file sets one.
        at_least, above, at_most: limits of a number. Null is within them where the type of the field admits it.
        choices: the words that it may be.
    """
    limits = {"at_least": at_least, "above": above, "at_most": at_most, "choices": choices}
    return field(default=default, metadata=limits)


def check_ranges(config: Any, prefix: str = "") -> None:
    """Check the fields of a configuration, and of those in it, against their ranges.

    Args:
        config: an instance of a dataclass.
        prefix: what comes before the names of its fields, such as "agent.".

    Raises:
        UserError: a value outside its range.
    """
    for one in fields(config):
        value, name = getattr(config, one.name), prefix + one.name
        if is_dataclass(value):
            check_ranges(value, f"{name}.")
        elif value is not None:
            null = ", or null" if "None" in str(one.type) else ""
            for holds, expected in _limits(value, **one.metadata):
                require(holds, name, expected + null, value)


def _limits(value: Any, at_least=None, above=None, at_most=None, choices=None) -> Iterator[tuple[bool, str]]:
    """Whether a value is within each limit, and the words for what is."""
    if at_least is not None and at_most is not None:
        yield at_least <= value <= at_most, f"a number from {at_least} to {at_most}"
    elif at_least is not None:
        yield value >= at_least, f"{at_least} or more"
    elif above is not None:
        yield value > above, f"a number above {above}"
    if choices is not None:
        yield value in choices, " or ".join(choices) if len(choices) == 2 else f"one of {', '.join(choices)}"


def require(holds: object, name: str, expected: str, value: object) -> None:
    """Raise a UserError that says what was expected of a setting and what came, unless it `holds`."""
    if not holds:
        raise UserError(f"{name}: expected {expected}, got {value}.")
