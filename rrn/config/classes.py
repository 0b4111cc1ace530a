"""Find the configuration class of each choice: a row of a table here, or a class of the user's own."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any

from omegaconf import MISSING, OmegaConf

from rrn.common.errors import UserError
from rrn.common.imports import import_string, is_import_string
from rrn.config.act import ACTS, ActConfig, OwnActConfig
from rrn.config.agent import AGENTS, AgentConfig
from rrn.config.env import ENVS, EnvConfig
from rrn.config.gym_ids import gym_name, is_gym_id
from rrn.config.network import NETWORKS, NetworkConfig

BASES = {"agent": AgentConfig, "env": EnvConfig, "act": ActConfig}
TABLES: dict[str, Any] = {"agent": AGENTS, "env": ENVS, "act": ACTS, "network": NETWORKS}


def class_of(group: str, values: dict[str, Any]) -> Any:
    """Return the configuration class for the settings of a group, agent, env, act or network.

    Raises:
        UserError: a class of the user's own cannot be imported, or is no configuration class of this group.
        KeyError: no class here has such settings.
    """
    if group == "network" or values.get("target") is None:  # all networks of the user's own have the same settings
        return TABLES[group][values.get("kind") or values["name"]]
    return OwnActConfig if group == "act" else own_class(group, values["target"])


def name_of(group: str, choice: str) -> str:
    """Return the name that a choice of agent=, env= or act= has in folders and tables.

    Raises:
        UserError: a class of the user's own cannot be imported, or is no configuration class of this group.
    """
    if group == "env" and is_gym_id(choice):
        return gym_name(choice)
    return own_defaults(group, choice)["name"] if is_import_string(choice) else choice


def choice_of(settings: AgentConfig | EnvConfig | ActConfig | NetworkConfig) -> str:
    """Return what agent=, env=, act= or network= was set to for these settings: a name, or package.module:Class."""
    if isinstance(settings, NetworkConfig):
        return settings.name
    if getattr(settings, "kind", None) == "gym":
        return settings.id  # type: ignore[union-attr]
    return getattr(settings, "target", None) or settings.name


def own_class(group: str, target: str) -> type:
    """Import a configuration class of the user's own, for agent= or env=.

    Raises:
        UserError: it cannot be imported, or is no dataclass that derives from the one of the group.
    """
    kind, base = import_string(target, f"{group}={target}"), BASES[group]
    if not (isinstance(kind, type) and issubclass(kind, base) and is_dataclass(kind)):
        raise UserError(f"{group}={target}: expected a dataclass that derives from rrn.config.{base.__name__}.")
    return kind


def own_defaults(group: str, target: str) -> dict[str, Any]:
    """Return the settings of a choice such as agent=my_package.agents:MyAgentConfig.

    The name is the default of the field `name`, or else that of the class, without Config at its end.

    Raises:
        UserError: the class cannot be imported, or is no configuration class of this group.
    """
    if group == "act":
        return {"name": target.rpartition(":")[2].rpartition(".")[2], "target": target, "kwargs": None}
    kind = own_class(group, target)
    values: Any = OmegaConf.to_container(OmegaConf.structured(kind))
    if values["name"] == MISSING:
        values["name"] = kind.__name__.removesuffix("Config")
    if group == "agent":
        values["from"] = values.pop("from_run")
    return values | {"target": target} | ({"kind": "own"} if group == "env" else {})
