"""Use private names of Hydra 1.3, all of them here, each with a fallback where it is gone.

Composing by `compose_own` takes an eighth of the time of hydra.compose, which for each composition reads every file
again, copies all that is registered, and composes Hydra's own settings too; a plan of a study and a sweep compose
dozens. Without the private names hydra.compose is called, with an equal result.
"""

from __future__ import annotations

import pickle
import re
from argparse import ArgumentParser, Namespace
from functools import cache
from typing import Any, NoReturn

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from rrn.common.command_line import in_our_words, version
from rrn.common.errors import UserError, first_line

try:
    from hydra._internal.config_repository import CachingConfigRepository
    from hydra._internal.defaults_list import create_defaults_list
except ImportError:
    CachingConfigRepository, create_defaults_list = object, None  # type: ignore[misc, assignment]

PACKAGES = ("agent", "env", "act", "network", "evaluation", "checkpoint", "hydra", "_global_")  # of --cfg


def read_arguments() -> Namespace:
    """Read the command line as hydra.main does: overrides, help, hydra_help, multirun, cfg and info are in it.

    Raises:
        UserError: an unknown option, a wrong value of one, or settings on both sides of an option.
    """
    try:
        from hydra._internal.utils import get_args_parser
    except ImportError:
        parser = ArgumentParser(add_help=False)  # hydra.main reads the rest
        parser.add_argument("overrides", nargs="*")
        for names in (("--help", "-h"), ("--hydra-help",), ("--multirun", "-m")):
            parser.add_argument(*names, action="store_true")
        parser.add_argument("--cfg", "-c")
        parser.add_argument("--config-dir", "-cd")
        parser.add_argument("--info", "-i", nargs="?", const="all")
        return parser.parse_known_intermixed_args()[0]
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]  # which prints the usage, several lines
    parser.allow_abbrev = False
    for action in parser._actions:
        if "--version" in action.option_strings:
            action.version = f"rrn {version()}"  # type: ignore[attr-defined]  # not that of Hydra
    args, rest = parser.parse_known_args()
    _check_options(args)
    for word in rest:
        if word.startswith("-"):
            _refuse(f"{word}: no such option")
        raise UserError(
            f"{word}: expected all settings together, got some before and some after options; put -m first."
        )
    return args


def _check_options(args: Namespace) -> None:
    """Refuse the options of Hydra that do not work with these commands, or not together.

    Raises:
        UserError: one of them is given.
    """
    conf = "the settings are those in conf/ of rrn; give a folder of yours with --config-dir"
    reasons = {
        "config_path": conf,
        "config_name": conf,
        "shell_completion": "there is no completion of words; --help lists the settings",
        "experimental_rerun": "a run goes on with resume=true and the words that it began with",
    }
    for name, reason in reasons.items():
        if getattr(args, name, None):
            raise UserError(f"--{name.replace('_', '-')}: this option of Hydra does not work here: {reason}.")
    for name in ("resolve", "package"):
        if getattr(args, name, None) and not (args.cfg or args.help):
            raise UserError(f"--{name}: it needs --cfg job, hydra or all.")
    if getattr(args, "package", None) not in (None, *PACKAGES):
        raise UserError(f"--package={args.package}: expected one of {', '.join(PACKAGES)}.")
    modes = {"run": "--run", "multirun": "-m", "cfg": "--cfg", "info": "--info"}
    given = [option for name, option in modes.items() if getattr(args, name, None)]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)}: expected one of them.")


def _refuse(message: str) -> NoReturn:
    raise UserError(f"{in_our_words(message)}; python -m rrn.train --hydra-help lists the options.")


def explain(error: Exception) -> str:
    """Explain an error of Hydra about its own settings, hydra.* and hydra/*."""
    setting = re.search(r"Could not override '(.+?)'", str(error))
    if setting:
        return f"{setting[1]}: Hydra has no such setting here; leave it out, or put -m first for several runs."
    choice = re.search(r"Could not find '(hydra/.+)/(.+?)'", str(error))
    if choice:
        return f"{choice[1]}={choice[2]}: Hydra has no such choice; leave it out."
    return first_line(error)


class _OwnFiles(CachingConfigRepository):
    """Read the files of conf/ and the registered games once each, without the choices of Hydra's own settings."""

    def __init__(self, delegate: Any):
        self.delegate, self.cache = delegate, {}  # not super(), which copies it
        self.pickled: dict[str, bytes] = {}  # a copy by unpickling takes a sixth of the time of copy.deepcopy

    def __deepcopy__(self, memo: dict) -> _OwnFiles:
        return self

    def load_config(self, config_path: str) -> ConfigResult | None:
        """Return a copy of the content of a file, which the caller may change; None if it does not exist."""
        if config_path not in self.pickled:
            content = super().load_config(config_path)
            if content is not None and content.defaults_list:
                content.defaults_list = [default for default in content.defaults_list if not default.is_override()]
            self.pickled[config_path] = pickle.dumps(content)
        return pickle.loads(self.pickled[config_path])


@cache
def _own_files() -> _OwnFiles:
    return _OwnFiles(_loader().repository)


def forget_files() -> None:
    """Read all files again when they are next needed, because the folders that hold them are others now."""
    _own_files.cache_clear()


def _loader() -> Any:
    return GlobalHydra.instance().config_loader()


def group_options(group: str) -> list[str]:
    """List the files of a group and the names registered in it; Hydra must be initialised."""
    try:
        return _own_files().get_group_options(group, ObjectType.CONFIG)
    except AttributeError:  # a private name is gone
        return _loader().get_group_options(group, ObjectType.CONFIG)


def compose_own(overrides: list[str]) -> DictConfig:
    """Compose the configuration as hydra.compose("config", overrides) does, with its errors; Hydra must be initialised.

    Raises:
        HydraException, OmegaConfBaseException: an override is refused.
    """
    parsed = OverridesParser.create().parse_overrides(overrides)
    # a private name is gone, or Hydra's own settings, which are left out here, are asked for
    if create_defaults_list is None or any(override.is_hydra_override() for override in parsed):
        return compose("config", overrides)
    try:
        return _composed(parsed)
    except (AttributeError, TypeError):  # a private name is gone, or OmegaConf refuses, which Hydra then explains
        return compose("config", overrides)


def _composed(parsed: list) -> DictConfig:
    loader = _loader()
    loader.validate_sweep_overrides_legal(parsed, run_mode=RunMode.RUN, from_shell=False)
    files = CachingConfigRepository(_own_files())
    chosen = create_defaults_list(files, "config", parsed, prepend_hydra=False, skip_missing=False)
    composed = loader._compose_config_from_defaults_list(chosen.defaults, files)
    composed.pop("hydra")  # its settings in config.yaml
    OmegaConf.set_struct(composed, True)
    loader._apply_overrides_to_config(chosen.config_overrides, composed)
    return composed
