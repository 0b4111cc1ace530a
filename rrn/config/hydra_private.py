"""Every private name of Hydra 1.3 that is used, what for, and what takes its place where it is gone.

Composing as Hydra does takes an eighth of its time here: for each composition Hydra reads every file again, copies all
that is registered, and composes its own settings too, and a plan of a study and a sweep compose dozens. Without the
private names Hydra composes itself, with the same result.
"""

from __future__ import annotations

import pickle
from argparse import ArgumentParser, Namespace
from functools import cache
from typing import Any

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

try:
    from hydra._internal.config_repository import CachingConfigRepository
    from hydra._internal.defaults_list import create_defaults_list
except ImportError:
    CachingConfigRepository, create_defaults_list = object, None  # type: ignore[misc, assignment]


def read_arguments() -> Namespace:
    """Read the command line as hydra.main does: overrides, help, hydra_help, multirun, cfg and info are in it."""
    try:
        from hydra._internal.utils import get_args_parser
    except ImportError:
        parser = ArgumentParser(add_help=False)  # hydra.main reads the rest
        parser.add_argument("overrides", nargs="*")
        for names in (("--help", "-h"), ("--hydra-help",), ("--multirun", "-m")):
            parser.add_argument(*names, action="store_true")
        parser.add_argument("--cfg", "-c")
        parser.add_argument("--info", "-i", nargs="?", const="all")
        return parser.parse_known_intermixed_args()[0]
    return get_args_parser().parse_args()


class _OwnFiles(CachingConfigRepository):
    """The files of conf/ and the games, each read once; without what config.yaml chooses of Hydra's own settings."""

    def __init__(self, delegate: Any):
        self.delegate, self.cache = delegate, {}  # not super(), which copies it
        self.pickled: dict[str, bytes] = {}  # a copy made of these takes a sixth of the time of copy.deepcopy

    def __deepcopy__(self, memo: dict) -> _OwnFiles:
        return self

    def load_config(self, config_path: str) -> ConfigResult | None:
        """A copy of what a file holds, which the caller may change."""
        if config_path not in self.pickled:
            found = super().load_config(config_path)
            if found is not None and found.defaults_list:
                found.defaults_list = [one for one in found.defaults_list if not one.is_override()]
            self.pickled[config_path] = pickle.dumps(found)
        return pickle.loads(self.pickled[config_path])


@cache
def _own_files() -> _OwnFiles:
    return _OwnFiles(_loader().repository)


def _loader() -> Any:
    return GlobalHydra.instance().config_loader()


def group_options(group: str) -> list[str]:
    """The names of the files of a group, and of what is registered in it; Hydra is initialised."""
    try:
        return _own_files().get_group_options(group, ObjectType.CONFIG)
    except AttributeError:  # a private name is gone
        return _loader().get_group_options(group, ObjectType.CONFIG)


def compose_own(overrides: list[str]) -> DictConfig:
    """Compose the configuration as hydra.compose("config", overrides) does, with its errors; Hydra is initialised."""
    parsed = OverridesParser.create().parse_overrides(overrides)
    # of what is left out here, or a private name is gone
    if create_defaults_list is None or any(one.is_hydra_override() for one in parsed):
        return compose("config", overrides)
    try:
        return _composed(parsed)
    except (AttributeError, TypeError):  # of OmegaConf too, which Hydra then says in its own way
        return compose("config", overrides)


def _composed(parsed: list) -> DictConfig:
    loader = _loader()
    loader.validate_sweep_overrides_legal(parsed, run_mode=RunMode.RUN, from_shell=False)
    files = CachingConfigRepository(_own_files())
    chosen = create_defaults_list(files, "config", parsed, prepend_hydra=False, skip_missing=False)
    composed = loader._compose_config_from_defaults_list(chosen.defaults, files)
    composed.pop("hydra")  # settings of config.yaml for it
    OmegaConf.set_struct(composed, True)
    loader._apply_overrides_to_config(chosen.config_overrides, composed)
    return composed
