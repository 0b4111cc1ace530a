"""Read a config.yaml that somebody else may have written: no code, no secrets of this machine, and bounded work.

OmegaConf resolves ${oc.env:NAME} to a variable of the environment, and YAML's aliases, deep nesting and long integers
let a file of a few bytes take all time or memory. None of these is in a config.yaml that a run writes.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from rrn.common.errors import UserError, first_line
from rrn.common.foreign_files import is_inside
from rrn.common.imports import is_import_string
from rrn.common.printable import printable

MOST_BYTES = 1 << 18  # of a file; a run writes some 3,000
MOST_CHARACTERS = 4_096  # of one value; the longest path of Linux
MOST_NESTED = 20
MOST_REFERENCES = 16  # as ${env.name}; references to references multiply, to 3^5 with so many
MOST = 2**63  # of whole numbers
REFERENCE = re.compile(r"\$\{\s*[\w.\[\]-]+\s*\}")  # to a key; others call a resolver


class Refused(ValueError):
    """Report what a file holds that is not read."""


def read_yaml(text: str) -> DictConfig:
    """Read the YAML of a configuration, and leave references such as ${env.name} in it unresolved.

    Raises:
        ValueError: something is in it that is not read, or it is no YAML of names and values.
    """
    if len(text) > MOST_BYTES:
        raise Refused(f"expected at most {MOST_BYTES:,} characters, got {len(text):,}")
    try:
        _check_events(text)
        values = OmegaConf.create(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise Refused(f"this file is damaged{where}; restore it from a backup") from error
    except Refused:
        raise
    except Exception as error:  # what is no YAML of names and values fails in many ways
        raise Refused(f"this file is damaged ({first_line(error)}); restore it from a backup") from error
    if not isinstance(values, DictConfig):
        raise Refused("expected names with values; this file is damaged; restore it from a backup")
    _check_values(OmegaConf.to_container(values, resolve=False))
    return values


def _check_events(text: str) -> None:
    """Refuse aliases, deep nesting and long values before anything is made of them."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        line = event.start_mark.line + 1
        if depth > MOST_NESTED:
            raise Refused(f"line {line}: expected values at most {MOST_NESTED} deep in others")
        if isinstance(event, yaml.AliasEvent):
            raise Refused(f"line {line}: expected no alias, got *{printable(event.anchor, 40)}; write the value out")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > MOST_CHARACTERS:
            raise Refused(f"line {line}: expected at most {MOST_CHARACTERS:,} characters, got {len(event.value):,}")


def _check_values(values: Any) -> None:
    """Refuse references to anything but keys of the file, and whole numbers that no setting has."""
    references = 0
    for value in _leaves(values):
        if isinstance(value, int) and abs(value) >= MOST:
            raise Refused(f"expected whole numbers below 2^63, got one of {len(f'{value:x}')} hexadecimal digits")
        if isinstance(value, str) and "${" in value:
            rest, count = REFERENCE.subn("", value)
            references += count
            if "${" in rest:
                raise Refused(f"expected references to settings such as ${{env.name}}, got {printable(value, 60)!r}")
    if references > MOST_REFERENCES:
        raise Refused(f"expected at most {MOST_REFERENCES} references such as ${{env.name}}, got {references}")


def _leaves(values: Any) -> Iterator[Any]:
    if isinstance(values, dict | list):
        for part in [*values.keys(), *values.values()] if isinstance(values, dict) else values:
            yield from _leaves(part)
    else:
        yield values


def check_targets(values: DictConfig, folder: Path) -> None:
    """Refuse classes of a configuration whose modules lie in its own folder: importing them would run their code.

    A folder in which the modules of the user lie too, such as the working directory, cannot be told from theirs.

    Args:
        values: as `read_yaml` returned them.
        folder: that of the run, or the one that it was found in.

    Raises:
        UserError: names the class.
    """
    for group in ("agent", "env"):  # read with the configuration; others are imported when a network is made
        settings = values.get(group)
        target = (settings.get("target") or settings.get("id")) if isinstance(settings, DictConfig) else None
        if is_import_string(target) and _lies_in(target.partition(":")[0], folder):
            raise UserError(
                f"{group}={printable(target, 60)}: expected a class outside of the folders of runs, got one in "
                f"{folder}, whose code is not run; move its module to another folder."
            )


def _lies_in(module: str, folder: Path) -> bool:
    parts = module.split(".")
    for start in (Path(entry or os.getcwd()) for entry in [*sys.path, ""]):
        if is_inside(start, folder):
            continue
        paths = [start.joinpath(*parts[:number]) for number in range(1, len(parts) + 1)]
        if any(is_inside(path, folder) for path in paths if path.exists() or path.with_suffix(".py").exists()):
            return True
    return False
