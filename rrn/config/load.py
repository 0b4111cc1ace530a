"""From values, as composed or as in the config.yaml of a run, to a checked configuration."""

from __future__ import annotations

import pickle
import re
from functools import cache
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, IntegerNode, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException, ValidationError
from yaml import YAMLError

from rrn.common.errors import UserError, first_line, nearest
from rrn.common.numbers import parse_int
from rrn.config.act import ActConfig
from rrn.config.agent import AgentConfig
from rrn.config.classes import class_of
from rrn.config.env import EnvConfig
from rrn.config.schema import Config, check_values

PROTOCOLS = ("paper", "modern")  # experiments for DQN on Atari alone


def to_config(composed: DictConfig) -> Config:
    """Merge once more into the dataclasses, which refuses keys that `+` let in, and check the values.

    Raises:
        UserError: unknown key, wrong type, or a value out of range.
    """
    typed = OmegaConf.create()
    try:
        values: Any = OmegaConf.to_container(composed, resolve=True)
        if "from" in values["act"]:  # no name for a field of Python
            values["act"]["from_run"] = values["act"].pop("from")
        agent, env, act = (class_of(group, values[group]) for group in ("agent", "env", "act"))
        name = values["experiment"]
        if not env.paper_protocol and name in PROTOCOLS:
            raise UserError(f"experiment={name}: its protocol is for Atari games; leave it out or change env.")
        if not agent.paper_protocol and name in PROTOCOLS:
            raise UserError(f"experiment={name}: its protocol is for DQN; leave it out, or set agent=dqn or ddqn.")
        typed = pickle.loads(_of_types(agent, env, act))
        _read_whole_numbers(typed, values)
        typed.merge_with(values)
        config: Any = OmegaConf.to_object(typed)
    except (ConfigKeyError, ConfigAttributeError) as error:
        raise _unknown_key(str(error.full_key), cast(dict, OmegaConf.to_container(typed))) from error
    except ValidationError as error:
        raise UserError(f"{error.full_key}: {explain_validation_error(error)}") from error
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key or 'configuration'}: {first_line(error)}.") from error
    check_values(config)
    return config


@cache
def _of_types(agent: type[AgentConfig], env: type[EnvConfig], act: type[ActConfig]) -> bytes:
    """A pickle, of which a copy is made faster than by copy.deepcopy."""
    return pickle.dumps(OmegaConf.structured(Config(agent(), env(), act())))


def _read_whole_numbers(typed: DictConfig, values: dict) -> None:
    """Replace 1e6, which is a float in YAML, 500k and 1.5M by the number, where one is expected."""
    for key in values.keys() & typed.keys():
        node, value = typed._get_node(key), values[key]
        if isinstance(value, dict) and isinstance(node, DictConfig):
            _read_whole_numbers(node, value)
        elif isinstance(node, IntegerNode) and isinstance(value, float | str):
            number = parse_int(value)
            values[key] = value if number is None else number


def load_run_config(folder: Path) -> Config:
    """The configuration that a run was made with.

    Raises:
        UserError: no run in the folder, or a config.yaml that cannot be read.
    """
    path = folder / "config.yaml"
    if not path.is_file():
        raise UserError(f"{folder}: no run is here; give a folder such as runs/Pong/dqn-rational/seed0.")
    try:
        return to_config(OmegaConf.load(path))  # type: ignore[arg-type]
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except PermissionError as error:
        raise UserError(f"{path}: {error.strerror}.") from error
    except (YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError, OSError) as error:
        raise UserError(f"{path}: this file is damaged; restore it from a backup.") from error


def _unknown_key(key: str, known: dict) -> UserError:
    parent = known
    for part in key.split(".")[:-1]:
        parent = parent.get(part, {})
    names = [f"{key.rpartition('.')[0]}.{name}".lstrip(".") for name in parent]
    return UserError(f"{key}: no such setting here. {nearest(key, names, '')}".strip())


def explain_validation_error(error: ValidationError) -> str:
    """OmegaConf's sentence without its Python types."""
    numbers = dict.fromkeys(("Integer", "int"), "a whole number") | dict.fromkeys(("Float", "float"), "a number")
    words = numbers | dict.fromkeys(("Boolean", "bool"), "true or false") | {"str": "a word"}
    match = re.search(r"Incompatible value 'None' for field of type '(\w+)'", str(error))
    if match:
        return f"expected {words.get(match[1], match[1])}, got null."
    match = re.search(r"Value '(.*?)'.*? (?:could not be converted to|is not a valid) (\w+)", first_line(error))
    if match:
        return f"expected {words.get(match[2], match[2])}, got {match[1]!r}."
    if "is not Optional" in str(error):
        return "expected a list, such as [3,5], got null."
    if "is not a ListConfig" in str(error):
        return "expected a list, such as [3,5]."
    if "to string" in str(error):
        return f"expected one word, got {error.value}."
    return first_line(error).rstrip(".") + "."
