"""Compose with configuration files of the user's own: --config-dir FOLDER and hydra.searchpath=[FOLDER,...].

A folder of the user is laid out as conf/ of rrn: act/gentle.yaml is chosen by act=gentle, experiment/quick.yaml by
experiment=quick, and study/mine.yaml is a plan of `python -m rrn.study mine`. A file adds a choice; it cannot take the
place of one of ours, which runs of others have been made with.
"""

from __future__ import annotations

from argparse import ArgumentError, ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from rrn.common.errors import UserError, first_line
from rrn.common.files import expand_home
from rrn.config.classes import TABLES
from rrn.config.hydra_private import forget_files
from rrn.config.register import conf_dir, register_choices, register_kind, registered

GROUPS = ("act", "agent", "env", "experiment", "network", "study", "hydra")  # folders of conf/
_folders: list[Path] = []
_words: list[str] = []


class OwnFolders(SearchPathPlugin):
    """Let Hydra look for files in the folders of the user too, after those of rrn."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for folder in _folders:
            search_path.append("own", f"file://{folder}")


def use_folders(config_dir: str | None, overrides: Iterable[str] = ()) -> None:
    """Set the folders of the user from the option --config-dir and from hydra.searchpath among the overrides.

    They stay until the next call; call it before Hydra is initialised.

    Raises:
        UserError: no folder is there, it holds no group of ours, or a file with the name of one of ours.
    """
    folders = [("--config-dir", config_dir)] if config_dir is not None else []
    words = ["--config-dir", config_dir] if config_dir is not None else []
    for word in overrides:
        if word.lstrip("+").startswith("hydra.searchpath="):
            folders += [("hydra.searchpath", text) for text in _read_list(word)]
            words.append(word)
    register_choices()
    found = [_folder(source, text) for source, text in folders]
    for folder in found:
        _check_files(folder)
    Plugins.instance().register(OwnFolders)
    _set(found, words)


@contextmanager
def folders(config_dir: str | None, overrides: Iterable[str] = ()) -> Iterator[None]:
    """Context manager in which `use_folders` has effect; after it the folders are those from before.

    Raises:
        UserError: as `use_folders`.
    """
    before = list(_folders), list(_words)
    use_folders(config_dir, overrides)
    try:
        yield
    finally:
        _set(*before)


def _set(found: list[Path], words: list[str]) -> None:
    if found != _folders:
        forget_files()
    _folders[:], _words[:] = found, words


def take_folders(arguments: Iterable[str]) -> list[str]:
    """Use the folders that the arguments of a command name, and return the other arguments.

    Raises:
        UserError: as `use_folders`, or --config-dir has no folder behind it.
    """
    parser = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config-dir")
    try:
        known, others = parser.parse_known_args(list(arguments))
    except ArgumentError:
        raise UserError("--config-dir: expected a folder with configuration files behind it.") from None
    use_folders(known.config_dir, others)
    return [word for word in others if word not in _words]


def folder_words() -> list[str]:
    """Return the words of a command line that set the folders in use."""
    return list(_words)


def plan_folders() -> list[Path]:
    """List the folders with plans of studies: that of rrn, and those of the user."""
    return [folder / "study" for folder in (Path(conf_dir()), *_folders)]


def _read_list(word: str) -> list[str]:
    try:
        value = OverridesParser.create().parse_override(word).value()
    except HydraException:
        value = None
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise UserError(f"{word}: expected folders, such as 'hydra.searchpath=[conf_of_mine]'.")
    return value


def _folder(source: str, text: str) -> Path:
    if text.startswith("pkg://"):
        raise UserError(f"{source}: expected a folder, got {text}; give the path of that package's files.")
    folder = Path(expand_home(source, text.removeprefix("file://"))).absolute()
    if not folder.is_dir():
        raise UserError(f"{source}: expected a folder with configuration files, there is none at {text}.")
    if not any((folder / group).is_dir() for group in GROUPS):
        raise UserError(
            f"{source}: expected in {text} a folder named as a group of settings ({', '.join(GROUPS[:-1])}), such as "
            "act/gentle.yaml for act=gentle; there is none."
        )
    return folder


def _check_files(folder: Path) -> None:
    for path, name in _choices(folder):
        group = path.parent.relative_to(folder).as_posix()
        if (Path(conf_dir()) / group / path.name).is_file() or name in registered(group):
            raise UserError(f"{path}: rrn has {group}={name} of its own; give this file another name.")
        if group in ("act", "agent"):
            _check_name(path, group)


def _check_name(path: Path, group: str) -> None:
    """Check that a file has a name of its own, for the folders of its runs, and says whose settings it has."""
    try:
        values = OmegaConf.to_container(OmegaConf.load(path))
    except (YAMLError, UnicodeDecodeError, OmegaConfBaseException, OSError) as error:
        raise UserError(f"{path}: expected settings in YAML ({first_line(error)}).") from error
    values = values if isinstance(values, dict) else {}
    if values.get("target") is not None:
        return
    kinds = TABLES[group]
    if values.get("name") != path.stem or values.get("kind") not in kinds:
        one = values["defaults"][0] if values.get("defaults") else next(iter(kinds))
        raise UserError(
            f"{path}: expected name: {path.stem} and kind: {one if one in kinds else next(iter(kinds))}, or another "
            f"{group} of rrn as kind, whose settings it has; the folders of its runs have that name."
        )
    if group == "agent":
        register_kind(path.stem, values["kind"])


def _choices(folder: Path) -> Iterator[tuple[Path, str]]:
    for group in GROUPS:
        for path in sorted((folder / group).rglob("*.yaml")):
            yield path, path.stem
