"""From the command line to a checked configuration, with a sentence for each mistake."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rrn.common.errors import UserError, first_line, nearest
from rrn.common.extras import MissingPackage
from rrn.config.differences import dotted
from rrn.config.games import MINATAR_GAMES, TWO_PLAYERS, atari_games
from rrn.config.hydra_private import compose_own, group_options
from rrn.config.load import to_config
from rrn.config.schema import ACTS, AGENTS, ENVS, Config

GROUPS = ("agent", "env", "act", "experiment")
KINDS = {"agent": AGENTS, "env": ENVS, "act": ACTS}
FIXED = ("agent.name", "agent.double", "env.name", "env.kind", "act.name")
BASES = {
    "agent": {"envs"},
    "act": {"agents"},
    "env": {"bases"},
    "experiment": {"agents", "games"},
}  # in the folders, but not to be chosen


def conf_dir() -> str:
    """Absolute path of the YAML files: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "config.yaml").is_file():
            return str(folder)
    raise UserError(f"{package}: the configuration files are missing; install the package again.")


@cache
def register_games() -> None:
    """Make env=<game> a choice for each game of Atari and MinAtar, without a file."""
    store = ConfigStore.instance()
    for base, games in (("atari", atari_games()), ("minatar", MINATAR_GAMES)):
        for game in games:
            store.store(group="env", name=game, node={"defaults": [f"bases/{base}@_here_", "_self_"], "name": game})
    folder = Path(conf_dir())
    special = ("agent/envs", "act/agents", "experiment/games")
    for path in (path for group in special for path in folder.glob(f"{group}/*_MinAtar.yaml")):
        for game in MINATAR_GAMES:
            name, group = path.stem.replace("MinAtar", game), path.parent.relative_to(folder).as_posix()
            store.store(group=group, name=name, node={"defaults": [path.stem]})


def compose_config(overrides: list[str]) -> Config:
    """The configuration for these overrides, composed and checked.

    Raises:
        UserError: as of `check_overrides`, or they are a sweep of several runs.
    """
    with hydra_ready():
        first, *others = check_overrides(overrides)
    if others:
        raise UserError(f"{' '.join(overrides)}: expected one run, got {1 + len(others)} of a sweep.")
    return first


def files_of(game: str) -> tuple[str, ...]:
    """What the settings of a game come from; games with the same files have the same settings but for their names."""
    base = "atari" if game in atari_games() else "minatar" if game in MINATAR_GAMES else game
    return base, *sorted(path.name for path in Path(conf_dir()).glob(f"*/*/*_{game}.yaml"))


@contextmanager
def hydra_ready() -> Iterator[None]:
    """Context in which Hydra is initialised with our files and games."""
    register_games()
    GlobalHydra.instance().clear()
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        yield


def check_overrides(overrides: list[str]) -> list[Config]:
    """The configuration of each run; Hydra is initialised.

    Every run of a sweep is composed, so that none of its mistakes waits until its turn.

    Raises:
        UserError: an override with an unknown choice or key, or a value that makes no sense.
    """
    return [to_config(compose_open(run)) for run in check_words(overrides)]


def check_words(overrides: list[str]) -> list[list[str]]:
    """The overrides of each run, with choices and keys that there are; Hydra is initialised.

    Raises:
        UserError: an override with an unknown choice or key.
    """
    parser = OverridesParser.create()
    runs: list[list[str]] = [[]]
    for text in overrides:
        try:
            override = parser.parse_override(text)
        except HydraException as error:
            raise UserError(
                f"{text}: expected key=value ({first_line(error)}); a value with spaces or special letters needs "
                "quotes of its own, as in \"run_dir='my runs'\"."
            ) from error
        key = override.get_key_element().lstrip("+~")
        if key.startswith("hydra.") or key.startswith("hydra/"):
            continue
        if override.is_delete():
            raise UserError(f"{text}: no setting can be taken away; leave this out, or set it to a value.")
        if override.is_sweep_override() and getattr(override.value(), "shuffle", False):
            raise UserError(f"{text}: runs have a fixed order; leave shuffle out.")
        if not override.is_sweep_override():
            values = [override.get_value_element_as_str()]
        elif override.value_type == ValueType.GLOB_CHOICE_SWEEP:
            values = override.value().filter(choices(key))
        else:
            values = list(override.sweep_string_iterator())
        if not values:
            raise UserError(f"{text}: expected one value of {key} at least, there is none like that.")
        if key in GROUPS:
            for value in values:
                _check_choice(key, value, choices(key))
        elif key in FIXED:
            raise UserError(f"{key}: it is set by the choice of {key.partition('.')[0]}=; make that one.")
        elif not text.startswith("+"):
            _check_key(key)
        start = text.partition("=")[0]
        ways = [f"{start}={value}" for value in values] if override.is_sweep_override() else [text]
        runs = [[*run, way] for run in runs for way in ways]
    return runs


@cache
def choices(group: str) -> list[str]:
    """What a group can be set to; Hydra is initialised."""
    return sorted(set(group_options(group)) - BASES.get(group, set()))


def compose_open(overrides: list[str]) -> DictConfig:
    """What Hydra makes of these overrides, where the names of other settings, as in run_dir, are still to be filled in.

    Hydra is initialised. Values are not checked, and mistakes are found as Hydra finds them; see `check_overrides`.
    """
    try:
        return compose_own(overrides)
    except HydraException as error:
        other = re.match(r"Could not override '(.+?)'", str(error))
        if other:  # a key that is known, but not here
            raise UserError(f"{other[1]}: no such setting here. Other choices have it.") from error
        game = re.search(r"Could not find 'env/(.+?)'", str(error))
        if game:  # the default one, without ale-py
            _check_choice("env", game[1], choices("env"))
        raise UserError(" ".join(str(error).split())) from error
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key or 'configuration'}: {first_line(error)}.") from error


def _check_choice(group: str, value: str, known: list[str]) -> None:
    if group == "env" and value in TWO_PLAYERS:
        raise UserError(f"env={value}: the emulator has this game for two players only; choose another one.")
    if value not in known:
        plain = re.sub(r"^ALE/|(Deterministic|NoFrameskip)?-v\d+$", "", value)  # of Gymnasium's names
        many = f"There are {len(known)} of them." if len(known) >= 20 else None
        text = f"{group}={value}: no such {group}. {nearest(plain, known, many)}"
        if group == "env" and not atari_games():
            raise MissingPackage(f"{text} An Atari game", "ale-py", "rl")
        raise UserError(text)


def _check_key(key: str) -> None:
    if key not in _known_keys():
        meant = "agent.learning_rate" if key == "agent.lr" else key
        raise UserError(f"{key}: no such setting. {nearest(meant, [*GROUPS, *_known_keys()], '')}".strip())


@cache
def _known_keys() -> list[str]:
    """Every key that some choice has; one that only another choice has is refused after composing."""
    kinds = [("", Config), *((f"{group}.", kind) for group, of in KINDS.items() for kind in of.values())]
    keys = {
        prefix + key for prefix, kind in kinds for key in dotted(OmegaConf.to_container(OmegaConf.structured(kind)))
    }
    return sorted(key.replace("act.from_run", "act.from") for key in keys)


def run_command() -> str:
    """The command line of the run that Hydra has just composed, without resume=."""
    return typed(HydraConfig.get().overrides.task)


def typed(overrides: list[str], *options: str) -> str:
    """The command line with these overrides and options of Hydra, without resume=."""
    kept = [text for text in overrides if not text.lstrip("+").startswith("resume=")]
    return shlex.join(["python", "-m", "rrn.train", *options, *kept])
