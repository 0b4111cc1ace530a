"""Import classes and functions by a string, "package.module:Class", when they are needed."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

from rrn.common.errors import UserError, first_line, nearest
from rrn.common.extras import EXTRAS, MissingPackage


def is_import_string(text: object) -> bool:
    """Return whether a word has the form of an import string, such as torch.nn:Mish."""
    return isinstance(text, str) and ":" in text


def import_string(text: str, what: str | None = None) -> Any:
    """Import what a string names; modules in the working directory are found too.

    Args:
        text: "package.module:Class"; dots after the colon lead into the class.
        what: the choice that it belongs to, for the errors, such as "agent=sb3_dqn"; None: the string.

    Raises:
        UserError: there is no such module or no such name in it, or importing it fails.
        MissingPackage: it needs a package of an extra.
    """
    what = what or text
    module, _, name = text.partition(":")
    if not all(part.isidentifier() for part in [*module.split("."), *name.split(".")]):
        raise UserError(f"{what}: expected package.module:Class.")
    imported = import_module_of_user(module, what)
    try:
        for part in name.split("."):
            imported = getattr(imported, part)
    except AttributeError as error:
        like = nearest(part, [known for known in dir(imported) if not known.startswith("_")], "Check the name.")
        raise UserError(f"{what}: {module} has no {name}. {like}") from error
    return imported


def import_module_of_user(module: str, what: str) -> Any:
    """Import a module that may lie in the working directory.

    Args:
        module: its name.
        what: the choice that it belongs to, for the errors.

    Raises:
        UserError: there is no such module, or importing it fails.
        MissingPackage: it needs a package of an extra.
    """
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())  # where `python -m` looks too
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name and f"{module}.".startswith(f"{error.name}."):
            where = "install it, or start from the folder that it is in"
            raise UserError(f"{what}: no module {error.name} is to be found; {where}.") from error
        for extra, packages in EXTRAS.items():
            if error.name in packages:
                raise MissingPackage(what, packages[error.name], extra) from error
        raise UserError(f"{what}: {module} needs {error.name}, which is not installed.") from error
    except UserError:
        raise
    except Exception as error:
        kind = type(error).__name__
        raise UserError(f"{what}: importing {module} fails with {kind}: {first_line(error)}.") from error
