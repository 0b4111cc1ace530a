"""Define a setting with its range in one line of a dataclass, and check the ranges of a configuration."""

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
    """Make a field of a configuration class, with the values that it may have.

    Args:
        default: its value where no file sets one.
        at_least, above, at_most: limits of a number; null is allowed if the type of the field allows it.
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
        UserError: a value is outside its range.
    """
    for entry in fields(config):
        value, name = getattr(config, entry.name), prefix + entry.name
        if is_dataclass(value):
            check_ranges(value, f"{name}.")
        elif value is not None:
            null = ", or null" if "None" in str(entry.type) else ""
            for holds, expected in _limits(value, **entry.metadata):
                require(holds, name, expected + null, value)


def _limits(value: Any, at_least=None, above=None, at_most=None, choices=None) -> Iterator[tuple[bool, str]]:
    """Yield for each limit: is the value within it, and the words for what was expected."""
    if at_least is not None and at_most is not None:
        yield at_least <= value <= at_most, f"a number from {at_least} to {at_most}"
    elif at_least is not None:
        yield value >= at_least, f"{at_least} or more"
    elif above is not None:
        yield value > above, f"a number above {above}"
    if choices is not None:
        yield value in choices, " or ".join(choices) if len(choices) == 2 else f"one of {', '.join(choices)}"


def require(holds: object, name: str, expected: str, value: object) -> None:
    """Raise a UserError "name: expected ..., got ..." unless a condition holds.

    Args:
        holds: the condition; its truth value counts.
        name: of the setting.
        expected: the values that it may have, in words.
        value: what came.
    """
    if not holds:
        raise UserError(f"{name}: expected {expected}, got {value}.")
