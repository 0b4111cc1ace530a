"""Classes and functions by a string, "package.module:Class", imported when they are needed."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

from rrn.common.errors import UserError, first_line


def is_import_string(text: object) -> bool:
    """Tell whether a word is the string of a class, such as torch.nn:Mish, and not a name."""
    return isinstance(text, str) and ":" in text


def import_string(text: str, key: str) -> Any:
    """Import what a string names; modules in the working directory are found too.

    Args:
        text: "package.module:Class"; dots after the colon lead into the class.
        key: the setting that it comes from, for the errors.

    Raises:
        UserError: no such module, no such name in it, or an error while it is imported.
    """
    module, _, name = text.partition(":")
    if not all(part.isidentifier() for part in [*module.split("."), *name.split(".")]):
        raise UserError(f"{key}={text}: expected package.module:Class.")
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())  # where `python -m` looks too
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            where = "install it, or start from the folder that it is in"
            raise UserError(f"{key}={text}: no module {error.name} is to be found; {where}.") from error
        raise UserError(f"{key}={text}: {module} needs {error.name}, which is not installed.") from error
    except Exception as error:
        kind = type(error).__name__
        raise UserError(f"{key}={text}: importing {module} fails with {kind}: {first_line(error)}.") from error
    try:
        for part in name.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        raise UserError(f"{key}={text}: {module} has no {name}.") from error
    return found
