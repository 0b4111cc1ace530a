"""Turn values, as composed or as in the config.yaml of a run, into a checked configuration."""

from __future__ import annotations

import os
import pickle
import re
from functools import cache
from pathlib import Path
from typing import Any, cast

from omegaconf import BooleanNode, DictConfig, FloatNode, IntegerNode, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException, ValidationError

from rrn.common.errors import UserError, first_line
from rrn.common.files import expand_home
from rrn.common.foreign_files import read_bounded
from rrn.common.numbers import parse_int
from rrn.config.act import ActConfig
from rrn.config.agent import AgentConfig
from rrn.config.classes import class_of
from rrn.config.env import EnvConfig
from rrn.config.foreign import MOST_BYTES, Refused, check_targets, read_yaml
from rrn.config.network import DEFAULT, NetworkConfig, folder_suffix
from rrn.config.schema import Config, check_values
from rrn.config.suggestions import suggestion

PROTOCOLS = ("paper", "modern")  # experiments for DQN on Atari alone


def to_config(composed: DictConfig) -> Config:
    """Merge the values into the dataclasses, which refuses keys that `+` added, and check them.

    Raises:
        UserError: an unknown key, a value of the wrong kind, or one out of range.
    """
    typed = OmegaConf.create()
    try:
        _name_network(composed)
        values: Any = OmegaConf.to_container(composed, resolve=True)
        for group in ("act", "agent"):
            if "from" in values[group]:  # a keyword of Python, so no name for a field
                values[group]["from_run"] = values[group].pop("from")
        values["network"] = {"name": DEFAULT, **values.get("network", {})}  # older runs have less
        values["network"].pop("suffix", None)
        agent, env, act, network = (class_of(group, values[group]) for group in ("agent", "env", "act", "network"))
        name = values["experiment"]
        if not env.paper_protocol and name in (*PROTOCOLS, "atari100k"):
            raise UserError(f"experiment={name}: its protocol is for Atari games; leave it out or change env.")
        if not agent.paper_protocol and name in PROTOCOLS:
            raise UserError(f"experiment={name}: its protocol is for DQN; leave it out, or set agent=dqn or ddqn.")
        typed = pickle.loads(_pickled_types(agent, env, act, network))
        _expand_home(values)
        _read_numbers(typed, values)
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


def _name_network(composed: DictConfig) -> None:
    """Set network.suffix, in place, which run_dir refers to: what the network adds to the name of the folder."""
    network = composed.get("network")
    if isinstance(network, DictConfig) and "suffix" in network:
        usual_norm = class_of("agent", composed["agent"]).norm
        network["suffix"] = folder_suffix(network["name"], network["target"], network["norm"], usual_norm)


@cache
def _pickled_types(
    agent: type[AgentConfig], env: type[EnvConfig], act: type[ActConfig], network: type[NetworkConfig]
) -> bytes:
    """Pickle an empty typed configuration: unpickling copies it faster than copy.deepcopy."""
    return pickle.dumps(OmegaConf.structured(Config(agent(), env(), act(), network())))


def _read_numbers(typed: DictConfig, values: dict) -> None:
    """Replace 1e6 (a float in YAML), 500k and 1.5M by the integer, in place, where a number is expected.

    Raises:
        UserError: a number that is neither 0 nor 1 where true or false is expected; OmegaConf takes it for true.
    """
    for key in values.keys() & typed.keys():
        node, value = typed._get_node(key), values[key]
        if isinstance(value, dict) and isinstance(node, DictConfig):
            _read_numbers(node, value)
        elif isinstance(node, IntegerNode) and isinstance(value, float | str):
            number = parse_int(value)
            values[key] = value if number is None else number
        elif isinstance(node, FloatNode) and isinstance(value, str):
            number = parse_int(value)
            values[key] = value if number is None else float(number)
        elif isinstance(node, BooleanNode) and isinstance(value, int | float) and value not in (0, 1):
            raise UserError(f"{node._get_full_key(None)}: expected true or false, got {value}.")


def _expand_home(values: dict) -> None:
    """Replace ~ and ~user at the beginning of a folder by the home folder, in place, as a shell does.

    Raises:
        UserError: there is no such user.
    """
    earlier = ((values[group], "from_run", f"{group}.from") for group in ("act", "agent"))
    for part, key, name in ((values, "run_dir", "run_dir"), *earlier):
        if isinstance(part.get(key), str) and part[key].startswith("~"):
            part[key] = expand_home(name, part[key])


def load_run_config(folder: Path, among: Path | None = None) -> Config:
    """Load the configuration that a run was made with from its config.yaml.

    Args:
        folder: of the run.
        among: folder that the run was found in, if the user named that one; no code in it is run.

    Raises:
        UserError: no run is in the folder, or its config.yaml cannot be read.
    """
    path = folder / "config.yaml"
    if not os.path.lexists(path):
        raise UserError(f"{folder}: no run is here; give a folder such as runs/Pong/dqn-rational/seed0.")
    try:
        return read_config(read_bounded(path, MOST_BYTES).decode("utf-8"), among or folder)
    except Refused as error:
        raise UserError(f"{path}: {error}.") from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except PermissionError as error:
        raise UserError(f"{path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: this file is damaged; restore it from a backup.") from error
    except ValueError as error:  # a link, a pipe or too large
        raise UserError(str(error)) from error
    except (KeyError, TypeError, AttributeError, OSError, RecursionError, OverflowError) as error:
        raise UserError(f"{path}: this file is damaged; restore it from a backup.") from error


def read_config(text: str, folder: Path) -> Config:
    """Read the YAML that a run has written, and check it.

    Args:
        text: content of its config.yaml.
        folder: of the run, or the one that it was found in; no code in it is run.

    Raises:
        UserError: a setting is unknown or out of range, or a class lies in that folder.
        ValueError, KeyError, TypeError, AttributeError: the text is no such YAML.
    """
    values = read_yaml(text)
    check_targets(values, folder)
    return to_config(values)


def _unknown_key(key: str, known: dict) -> UserError:
    parent = known
    for part in key.split(".")[:-1]:
        parent = parent.get(part, {})
    names = [f"{key.rpartition('.')[0]}.{name}".lstrip(".") for name in parent]
    return UserError(f"{key}: no such setting here. {suggestion(key, names)}".strip())


def explain_validation_error(error: ValidationError) -> str:
    """Explain an error of OmegaConf in a sentence "expected ..., got ..." without its Python types."""
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
