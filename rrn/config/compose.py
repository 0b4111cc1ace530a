"""Compose the checked configuration of each run from the command line, with a sentence for each mistake."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import islice
from typing import cast

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, RangeSweep, ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from rrn.common.errors import UserError, first_line, nearest
from rrn.common.extras import MissingPackage
from rrn.common.imports import is_import_string
from rrn.config.classes import TABLES
from rrn.config.env import ENVS
from rrn.config.games import atari_games
from rrn.config.gym_ids import find_spec, is_gym_id
from rrn.config.hydra_private import compose_own, group_options
from rrn.config.load import to_config
from rrn.config.own_folders import folder_words, folders
from rrn.config.register import conf_dir, own_keys, register_choices, register_gym, register_own, setting_names
from rrn.config.schema import Config
from rrn.config.suggestions import suggestion
from rrn.config.words import plain_words

GROUPS = ("agent", "env", "act", "network", "experiment")
FIXED = {f"{group}.{key}" for group in ("agent", "env", "act") for key in ("name", "kind", "target")}
FIXED |= {"agent.double", "network.name", "network.suffix"}
MOST_RUNS = 10_000  # of a sweep; each is composed before the first begins
FOLDERS = {"for_agent", "for_env", "for_agent_and_env", "bases"}  # in the groups, but no choices


def compose_config(overrides: list[str], config_dir: str | None = None) -> Config:
    """Compose and check the configuration of one run.

    Args:
        overrides: words of a command line, such as act=rational.
        config_dir: folder with configuration files of the user, as --config-dir of the command; None: none.

    Raises:
        UserError: an override has an unknown choice or key or a value that makes no sense, or there are several runs.
    """
    with folders(config_dir, overrides), hydra_ready():
        first, *others = compose_runs(plain_words(overrides))
    if others:
        raise UserError(f"{' '.join(overrides)}: expected one run, got {1 + len(others)} of a sweep.")
    return first


@contextmanager
def hydra_ready() -> Iterator[None]:
    """Context manager in which Hydra is initialised with our files and games."""
    register_choices()
    GlobalHydra.instance().clear()
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        yield


def compose_runs(overrides: list[str]) -> list[Config]:
    """Compose and check the configuration of each run, within `hydra_ready`.

    Every run of a sweep is composed, so that a mistake in the last one is reported before the first one starts.

    Raises:
        UserError: an override has an unknown choice or key, or a value that makes no sense.
    """
    return [to_config(compose_unresolved(run)) for run in check_words(overrides)]


def check_words(overrides: list[str]) -> list[list[str]]:
    """Check choices and keys, and expand a sweep to the overrides of each run, within `hydra_ready`.

    Raises:
        UserError: an override has an unknown choice or key.
    """
    parser = OverridesParser.create()
    runs: list[list[str]] = [[]]
    for text in overrides:
        override = parse_word(parser, text)
        key = override.get_key_element().lstrip("+~")
        if key.startswith(("hydra.", "hydra/")):
            _check_own_of_hydra(key, text)
            continue
        if override.is_delete():
            raise UserError(f"{text}: no setting can be taken away; leave this out, or set it to a value.")
        if override.is_sweep_override() and getattr(override.value(), "shuffle", False):
            raise UserError(f"{text}: runs have a fixed order; leave shuffle out.")
        if not override.is_sweep_override():
            values = [override.get_value_element_as_str()]
        elif override.value_type == ValueType.GLOB_CHOICE_SWEEP:
            values = cast(Glob, override.value()).filter(choices(key))
        else:
            values = list(islice(override.sweep_string_iterator(), MOST_RUNS + 1))
        if not values:
            raise UserError(f"{text}: expected one value of {key} at least, there is none like that.")
        if key in GROUPS:
            for value in (text.replace("\\:", ":") for text in values):
                if is_import_string(value) and key == "network":
                    raise UserError(f"network={value}: a class of your own is chosen by network.target={value}.")
                if key == "env" and is_gym_id(value):
                    if value not in choices(key):
                        _register_gym_or_suggest(value)
                elif is_import_string(value) and key != "experiment":
                    register_own(key, value)
                else:
                    _check_choice(key, value, choices(key))
        elif key == "env.id":
            raise UserError("env.id: expected env=gym beside it, which takes an id of Gymnasium.")
        elif key in FIXED:
            raise UserError(f"{key}: it is set by the choice of {key.partition('.')[0]}=; make that one.")
        elif not text.startswith("+"):
            _check_key(key)
        start = text.partition("=")[0]
        ways = [f"{start}={value}" for value in values] if override.is_sweep_override() else [text]
        if len(runs) * len(ways) > MOST_RUNS:
            raise UserError(f"{text}: expected {MOST_RUNS} runs at most, these are more.")
        runs = [[*run, way] for run in runs for way in ways]
    return runs


def parse_word(parser: OverridesParser, text: str) -> Override:
    """Parse a word key=value.

    Raises:
        UserError: it is none, or a value that Hydra would change without a word, as int(1.9) to 1.
    """
    short = text if len(text) <= 60 else f"{text[:40]} ... {text[-10:]}"
    if not text.partition("=")[0].strip("+~ ") or (text[0] not in "~" and "=" not in text):
        raise UserError(f"{short}: expected key=value, such as seed=1.")
    cast_to = re.match(r"[^=]*=(int|bool|float)\(", text)
    if cast_to:
        raise UserError(f"{short}: expected the value itself, without {cast_to[1]}(...).")
    try:
        override = parser.parse_override(text)
    except HydraException as error:
        raise UserError(
            f"{short}: expected key=value ({first_line(error)[:120]}); a value with spaces or special letters needs "
            "quotes of its own, as in \"run_dir='my runs'\"."
        ) from error
    except RecursionError:
        raise UserError(f"{short}: expected key=value, got brackets within brackets too deep to read.") from None
    except ValueError as error:  # Python reads no number of more than 4300 digits
        raise UserError(f"{short}: expected a value of usual size ({first_line(error)}).") from error
    check_range(override, short)
    return override


def check_range(override: Override, text: str) -> None:
    """Refuse a range(0,5,0), which has no end.

    Raises:
        UserError: it is one.
    """
    value = override.value()
    if isinstance(value, RangeSweep) and value.step == 0:
        raise UserError(f"{text}: expected range(START,STOP,STEP) with a step other than 0.")


def _check_own_of_hydra(key: str, text: str) -> None:
    """Check a setting of Hydra's own, hydra.* or hydra/*.

    Raises:
        UserError: it would bring settings or runs that are not checked here.
    """
    if key == "hydra.run.dir":
        raise UserError(f"{text}: expected run_dir=, which sets the folder of a run.")
    if key.startswith(("hydra/sweeper", "hydra.sweeper")) and text != "hydra/sweeper=basic":
        raise UserError(f"{text}: a sweep makes a run of each combination; python -m rrn.tune searches, with Optuna.")


def choices(group: str) -> list[str]:
    """List the choices of a group, within `hydra_ready`."""
    return sorted(set(group_options(group)) - FOLDERS)


def compose_unresolved(overrides: list[str]) -> DictConfig:
    """Compose the configuration of one run by Hydra, within `hydra_ready`, and leave ${...} as in run_dir unresolved.

    Values are not checked, and mistakes in overrides are reported in Hydra's words; `compose_runs` checks both.

    Raises:
        UserError: Hydra or OmegaConf refuse an override.
    """
    try:
        return compose_own(overrides)
    except HydraException as error:
        other = re.match(r"Could not override '(.+?)'", str(error))
        if other:  # a key that is known, but not here
            raise UserError(_of_other_choices(other[1])) from error
        twice = re.match(r"Could not append to config. An item is already at '(.+?)'", str(error))
        if twice:
            raise UserError(f"+{twice[1]}: this setting is there already; leave the + out.") from error
        game = re.search(r"Could not find 'env/(.+?)'", str(error))
        if game:  # the default game, where ale-py is not installed
            _check_choice("env", game[1], choices("env"))
        raise UserError(" ".join(str(error).split())) from error
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key or 'configuration'}: {first_line(error)}.") from error


def _of_other_choices(key: str) -> str:
    group, _, name = key.partition(".")
    name = name.replace("from", "from_run")
    have = [choice for choice, kind in TABLES.get(group, {}).items() if name in setting_names(kind)]
    return f"{key}: no such setting here. It is one of {group}={' or '.join(have or ['package.module:Class'])}."


def _check_choice(group: str, value: str, known: list[str]) -> None:
    if group == "env":
        for kind in ENVS.values():
            if value in kind.refused():
                raise UserError(f"env={value}: {kind.refused()[value]}")
    if value not in known:
        plain = re.sub(r"^ALE/|(Deterministic|NoFrameskip)?-v\d+$", "", value)  # of Gymnasium's names
        many = f"There are {len(known)}, which python -m rrn.train --help names." if len(known) >= 20 else None
        text = f"{group}={value}: no such {group}. {nearest(plain, known, many)}"
        if group == "env" and not atari_games():
            raise MissingPackage(f"{text} An Atari game", "ale-py", "rl")
        raise UserError(text)


def _register_gym_or_suggest(env_id: str) -> None:
    """Register an id of Gymnasium.

    Raises:
        UserError: Gymnasium does not know it, or it is a game that has its own name here.
    """
    try:
        package = str(find_spec(env_id).entry_point).partition(".")[0].partition(":")[0]
        if package in ("ale_py", "minatar") and not is_import_string(env_id):
            # Gymnasium knows these ids only where the package is imported already
            _check_choice("env", env_id, choices("env"))
        register_gym(env_id)
    except UserError as error:
        if is_import_string(env_id) or "version" in str(error) or "Did you mean" in str(error):
            raise
        _check_choice("env", env_id, choices("env"))


def _check_key(key: str) -> None:
    known = [*_known_keys(), *own_keys()]
    kwargs, _, name = key.rpartition(".")
    if kwargs in ("act.kwargs", "env.kwargs", "network.kwargs"):
        raise UserError(f"{key}: set all of them at once, such as '{kwargs}={{{name}: 1.0}}'.")
    if key not in known:
        like = suggestion(key, known if "." in key else [*GROUPS, *known])
        raise UserError(f"{key}: no such setting. {like or 'python -m rrn.train --help lists them.'}")


@cache
def _known_keys() -> list[str]:
    """List every key that some choice has; a key that the chosen ones lack is refused after composing."""
    kinds = [("", Config), *((f"{group}.", kind) for group, table in TABLES.items() for kind in table.values())]
    keys = {key for prefix, kind in kinds for key in setting_names(kind, prefix)}
    return sorted(key.replace(".from_run", ".from") for key in keys)


def run_command() -> str:
    """Return the command line of the run that Hydra has just composed, without resume=."""
    return command_text(HydraConfig.get().overrides.task)


def command_text(overrides: list[str], *options: str) -> str:
    """Return the command line with these overrides and options of Hydra, without resume=."""
    kept = [_unescaped(text) for text in overrides if not text.lstrip("+").startswith("resume=")]
    return shlex.join(["python", "-m", "rrn.train", *options, *folder_words(), *kept])


def _unescaped(text: str) -> str:
    """Undo what Hydra does to package.module:Class and ${seed} in the words of a run of a sweep."""
    return re.sub(r"\$\\\{(.*?)\\\}", r"${\1}", text.replace("\\:", ":"))


def quote_home(word: str) -> str:
    """Put quotes around a value such as ~/runs, which Hydra's grammar refuses; where it is used, ~ is the home."""
    return re.sub(r"^([\w.+]+)=(~[^'\"]*)$", r"\1='\2'", word)
