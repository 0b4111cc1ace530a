"""Keep old names of public functions and classes for one more version."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from rrn.common.imports import import_string


def renamed(module: str, names: dict[str, str]) -> Callable[[str], Any]:
    """Return a `__getattr__` for a module with old names: each warns and returns the object with the new name.

    Args:
        module: `__name__` of the module that had the old names.
        names: old name to the new one, "package.module:name".
    """

    def __getattr__(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        new = names[name].replace(":", ".")
        warnings.warn(f"{module}.{name} is {new} now; use that.", DeprecationWarning, stacklevel=2)
        return import_string(names[name])

    return __getattr__


def renamed_method(old: str, new: str) -> Callable[..., Any]:
    """Return a method for the old name in a class: it warns and calls the method of the new name."""

    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        kind = type(self).__name__
        warnings.warn(f"{kind}.{old} is {kind}.{new} now; use that.", DeprecationWarning, stacklevel=2)
        return getattr(self, new)(*arguments, **options)

    return method
