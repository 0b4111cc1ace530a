"""From the command line to a checked configuration, with a sentence for each mistake."""

from __future__ import annotations

import difflib
import re
from functools import cache
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException, ValidationError
from yaml import YAMLError

from rrn.activations.functions import NAMES
from rrn.activations.initial import PRESETS
from rrn.activations.reference import VERSIONS
from rrn.config import ACTS, ENVS, ActConfig, AtariConfig, Config, RationalConfig
from rrn.envs.atari import TWO_PLAYERS, atari_games
from rrn.errors import UserError

GROUPS = ("agent", "env", "act", "experiment")
FIXED = ("agent.name", "env.name", "env.kind", "act.name")
BASES = {"env": {"atari"}, "experiment": {"games"}}  # in the folders, but not to be chosen


def conf_dir() -> str:
    """Absolute path of the YAML files: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "config.yaml").is_file():
            return str(folder)
    raise UserError(f"{package}: the configuration files are missing; install the package again.")


def register_games() -> None:
    """Make env=<game> a choice for each Atari game, without a file."""
    store = ConfigStore.instance()
    for game in atari_games():
        store.store(group="env", name=game, node={"defaults": ["atari", "_self_"], "name": game})


def compose_config(overrides: list[str]) -> Config:
    """The configuration for these overrides, composed and checked; for one run, not for a sweep."""
    register_games()
    GlobalHydra.instance().clear()
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        check_overrides(overrides)
        return to_config(_compose(overrides))


def check_overrides(overrides: list[str]) -> list[Config]:
    """The configuration of each run; Hydra is initialised.

    Every run of a sweep is composed, so that none of its mistakes waits until its turn.

    Raises:
        UserError: an override with an unknown choice or key, or a value that makes no sense.
    """
    parser = OverridesParser.create()
    loader = GlobalHydra.instance().config_loader()
    runs: list[list[str]] = [[]]
    for text in overrides:
        try:
            override = parser.parse_override(text)
        except HydraException as error:
            raise UserError(f"{text}: expected key=value ({str(error).splitlines()[0]}).") from error
        key = override.get_key_element().lstrip("+~")
        if key.startswith("hydra.") or key.startswith("hydra/"):
            continue
        if not override.is_sweep_override():
            values = [override.get_value_element_as_str()]
        elif override.value_type == ValueType.GLOB_CHOICE_SWEEP:
            values = override.value().filter(choices(loader, key))
        else:
            values = list(override.sweep_string_iterator())
        if key in GROUPS:
            for value in values:
                _check_choice(key, value, choices(loader, key))
        elif key in FIXED:
            raise UserError(f"{key}: it is set by the choice of {key.partition('.')[0]}=; make that one.")
        elif not text.startswith(("+", "~")):
            _check_key(key)
        start = text[: text.index("=") + 1] if "=" in text else text
        runs = [[*run, f"{start}{value}" if "=" in text else text] for run in runs for value in values]
    return [to_config(_compose(run)) for run in runs]


def choices(loader: ConfigLoader, group: str) -> list[str]:
    """What a group can be set to."""
    found = loader.get_group_options(group, results_filter=ObjectType.CONFIG)
    return sorted(set(found) - BASES.get(group, set()))


def to_config(composed: DictConfig) -> Config:
    """Merge once more into the dataclasses, which refuses keys that `+` let in, and check the values.

    Raises:
        UserError: unknown key, wrong type, or a value out of range.
    """
    typed = OmegaConf.structured(Config)
    try:
        values = OmegaConf.to_container(composed, resolve=True)
        if "from" in values["act"]:  # no name for a field of Python
            values["act"]["from_run"] = values["act"].pop("from")
        env, act = ENVS[values["env"]["kind"]], ACTS.get(values["act"]["name"], ActConfig)
        if env is not AtariConfig and values["experiment"] == "paper":
            raise UserError("experiment=paper: the paper's protocol is for Atari games; leave it out or change env.")
        typed.env, typed.act = OmegaConf.structured(env), OmegaConf.structured(act)
        config = OmegaConf.to_object(OmegaConf.merge(typed, values))
    except (ConfigKeyError, ConfigAttributeError) as error:
        raise _unknown_key(str(error.full_key), OmegaConf.to_container(typed)) from error
    except ValidationError as error:
        raise UserError(f"{error.full_key}: {_plain(error)}") from error
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key or 'configuration'}: {str(error).splitlines()[0]}.") from error
    check_values(config)
    return config


def check_values(config: Config) -> None:
    """Raise a UserError for the first value that has the right type but makes no sense."""
    agent, env, act, evaluation = config.agent, config.env, config.act, config.evaluation
    at_least_one = {
        "steps": config.steps,
        "log_every": config.log_every,
        "checkpoint.every": config.checkpoint.every,
        "checkpoint.keep": config.checkpoint.keep,
        "evaluation.every": evaluation.every,
        "evaluation.num_envs": evaluation.num_envs,
        "evaluation.episodes": evaluation.episodes,
        "evaluation.steps": evaluation.steps,
        "agent.batch_size": agent.batch_size,
        "agent.train_every": agent.train_every,
        "agent.target_every": agent.target_every,
        "agent.epsilon_steps": agent.epsilon_steps,
        "agent.replay_capacity": agent.replay_capacity,
        "env.num_envs": env.num_envs,
        "threads": config.threads,
    }
    between = {
        "agent.gamma": agent.gamma,
        "agent.epsilon_start": agent.epsilon_start,
        "agent.epsilon_end": agent.epsilon_end,
        "evaluation.epsilon": evaluation.epsilon,
    }
    positive = {"agent.learning_rate": agent.learning_rate, "agent.adam_eps": agent.adam_eps}
    if isinstance(env, AtariConfig):
        at_least_one |= {f"env.{name}": getattr(env, name) for name in ("frame_skip", "frame_cap", "stack")}
        between["env.sticky_actions"] = env.sticky_actions
        _require(env.size >= 36, "env.size", "at least 36, for the three convolutions", env.size)
        _require(env.noop_max >= 0, "env.noop_max", "0 or more", env.noop_max)
    for name, value in at_least_one.items():
        _require(value is None or value >= 1, name, "1 or more", value)
    for name, value in between.items():
        _require(0 <= value <= 1, name, "a number from 0 to 1", value)
    for name, value in positive.items():
        _require(value > 0, name, "a number above 0", value)
    norm = agent.max_grad_norm
    _require(norm is None or norm > 0, "agent.max_grad_norm", "a number above 0, or null", norm)
    _require(config.seed >= 0, "seed", "0 or more", config.seed)
    least = 2 * env.num_envs * getattr(env, "stack", 1)
    _require(agent.warmup >= least, "agent.warmup", f"at least {least}, to sample from", agent.warmup)
    capacity = agent.replay_capacity
    _require(capacity >= least, "agent.replay_capacity", f"at least {least}, to sample from", capacity)
    one = (evaluation.episodes is None) != (evaluation.steps is None)
    both = f"{evaluation.episodes} and {evaluation.steps}"
    _require(one, "evaluation.episodes", "either it or evaluation.steps, and null for the other", both)
    if isinstance(act, RationalConfig):
        _require(act.version in VERSIONS, "act.version", f"one of {', '.join(VERSIONS)}", act.version)
        _require(act.preset in PRESETS, "act.preset", f"one of {', '.join(PRESETS)}", act.preset)
        _require(act.lr is None or act.lr > 0, "act.lr", "a number above 0, or null", act.lr)
        _require(act.per in ("tensor", "channel"), "act.per", "tensor or channel", act.per)
        waiting = act.delay is None or re.fullmatch(r"\d+(epochs)?", act.delay)
        _require(waiting, "act.delay", "agent steps such as 100000, or epochs such as 25epochs, or null", act.delay)
        _require(act.init in NAMES, "act.init", f"one of {', '.join(NAMES)}", act.init)
        pair = len(act.degrees) == 2 and min(act.degrees, default=0) >= 1
        _require(pair, "act.degrees", "two whole numbers of at least 1, such as [5,4]", act.degrees)


def load_run_config(folder: Path) -> Config:
    """The configuration that a run was made with.

    Raises:
        UserError: no run in the folder, or a config.yaml that cannot be read.
    """
    path = folder / "config.yaml"
    if not path.is_file():
        raise UserError(f"{folder}: no run is here; give a folder such as runs/Pong/dqn-rational/seed0.")
    try:
        return to_config(OmegaConf.load(path))
    except (YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: this file is damaged; take it back from a copy.") from error


def _require(holds: object, name: str, expected: str, value: object) -> None:
    if not holds:
        raise UserError(f"{name}: expected {expected}, got {value}.")


def _compose(overrides: list[str]) -> DictConfig:
    try:
        return compose("config", overrides=overrides)
    except HydraException as error:
        raise UserError(" ".join(str(error).split())) from error
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key or 'configuration'}: {str(error).splitlines()[0]}.") from error


def _check_choice(group: str, value: str, known: list[str]) -> None:
    if group == "env" and value in TWO_PLAYERS:
        raise UserError(f"env={value}: the emulator has this game for two players only; choose another one.")
    if value not in known:
        listed = f"Choose one of {', '.join(known)}." if len(known) < 20 else f"There are {len(known)} of them."
        raise UserError(f"{group}={value}: no such {group}. {_nearest(value, known) or listed}")


def _check_key(key: str) -> None:
    if key not in _known_keys():
        raise UserError(f"{key}: no such setting. {_nearest(key, _known_keys())}".strip())


@cache
def _known_keys() -> list[str]:
    """Every key that some choice has; one that only another choice has is refused after composing."""
    return sorted(dotted(OmegaConf.to_container(_compose(["env=Pong", "act=rational"]))))


def _unknown_key(key: str, known: dict) -> UserError:
    parent = known
    for part in key.split(".")[:-1]:
        parent = parent.get(part, {})
    names = [f"{key.rpartition('.')[0]}.{name}".lstrip(".") for name in parent]
    return UserError(f"{key}: no such setting here. {_nearest(key, names)}".strip())


def dotted(values: dict, prefix: str = "") -> dict:
    """Nested dictionaries as one, with dotted names; the inner nodes are left out."""
    flat = {}
    for key, value in values.items():
        flat |= dotted(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _nearest(word: str, known: list[str]) -> str:
    by_folded = {re.sub(r"[-_ ]", "", name).lower(): name for name in known}
    found = difflib.get_close_matches(re.sub(r"[-_ ]", "", word).lower(), by_folded, 1, 0.6)
    return f"Did you mean {by_folded[found[0]]}?" if found else ""


def _plain(error: ValidationError) -> str:
    """OmegaConf's sentence without its Python types."""
    words = {"Integer": "a whole number", "Float": "a number", "bool": "true or false", "Boolean": "true or false"}
    match = re.search(r"Value '(.*?)'.*? could not be converted to (\w+)", str(error).splitlines()[0])
    if match:
        return f"expected {words.get(match[2], match[2])}, got {match[1]!r}."
    match = re.search(r"Value '(.*?)'.*? is not a valid (\w+)", str(error).splitlines()[0])
    if match:
        return f"expected {words.get(match[2], match[2])}, got {match[1]!r}."
    return str(error).splitlines()[0] + "."
