"""Register choices that have no file in conf/: games, activations, smoke sizes, and classes of the user's own."""

from __future__ import annotations

from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, cast

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from rrn.common.errors import UserError
from rrn.config.act import ACTS
from rrn.config.agent import AGENTS, AgentConfig
from rrn.config.classes import own_class, own_defaults
from rrn.config.differences import dotted
from rrn.config.env import ENVS, GymConfig
from rrn.config.gym_ids import gym_name
from rrn.config.network import NETWORKS

_own_keys: set[str] = set()


def conf_dir() -> str:
    """Return the absolute path of the YAML files: beside the package in a checkout, inside it when installed.

    Raises:
        UserError: they are missing.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "config.yaml").is_file():
            return str(folder)
    raise UserError(f"{package}: the configuration files are missing; install the package again.")


@cache
def register_choices() -> None:
    """Register each game, activation and agent of the tables that has no file in conf/."""
    folder = Path(conf_dir())
    for name in ACTS:
        if not (folder / "act" / f"{name}.yaml").is_file():
            _store("act", name, {"name": name})
    for name, network in NETWORKS.items():
        defaults = cast(dict, OmegaConf.to_container(OmegaConf.structured(network)))
        _store("network", name, {**defaults, "name": name, "suffix": ""})  # the suffix of run_dir: rrn/config/load.py
    for kind, env in ENVS.items():
        for game in env.games():
            if not (folder / "env" / f"{game}.yaml").is_file():
                _store("env", game, {"defaults": [f"bases/{kind}@_here_", "_self_"], "name": game})
    for name, agent in AGENTS.items():
        _register_for_agent(name, agent)
    _register_files(folder)


def _register_files(folder: Path) -> None:
    """Register each file of a suite for all its games, and each of dqn for ddqn, which has the class of dqn."""
    for path in folder.glob("*/for_*/*.yaml"):
        group, names = path.parent.relative_to(folder).as_posix(), [path.stem]
        for env in ENVS.values():
            if env.suite and path.stem.endswith(f"_{env.suite}"):
                names += [path.stem.removesuffix(env.suite) + game for game in env.games()]
        if group == "agent/for_env":
            names += [other for name in names for other in _with_other_agent(name)]
        for name in names[1:]:
            if not (path.parent / f"{name}.yaml").is_file():
                _store(group, name, {"defaults": [path.stem]})


def _with_other_agent(name: str) -> list[str]:
    """Replace the agent in a name such as dqn_CartPole by each other one of its class: ddqn_CartPole."""
    agent = next(agent for agent in AGENTS if name.startswith(f"{agent}_"))
    env = name.removeprefix(f"{agent}_")
    return [f"{other}_{env}" for other, kind in AGENTS.items() if other != agent and kind is AGENTS[agent]]


def _register_for_agent(name: str, agent: type[AgentConfig]) -> None:
    _store("experiment/for_agent", f"smoke_{name}", _nested(agent.smoke))
    _store("network/for_agent", name, {"norm": agent.norm})


def register_own(group: str, target: str) -> None:
    """Register a class of the user's own as a choice, such as act=torch.nn:Mish or agent=my_package:MyAgentConfig.

    Raises:
        UserError: it cannot be imported, or is no configuration class of this group.
    """
    _store(group, target, own_defaults(group, target))
    if group == "agent":
        _register_for_agent(target, own_class(group, target))
    if group in ("agent", "env"):
        _own_keys.update(setting_names(own_class(group, target), f"{group}."))


def register_kind(name: str, kind: str) -> None:
    """Register what an agent of the user's, from a file, has as the agent of ours that it is."""
    _register_for_agent(name, AGENTS[kind])


@cache
def register_gym(env_id: str) -> None:
    """Register an id of Gymnasium as a choice of env=, with the files of its suites for each agent and experiment.

    Raises:
        UserError: Gymnasium does not know it.
    """
    folder = Path(conf_dir())
    suites = GymConfig(id=env_id).suites()
    group, _, leaf = f"env/{env_id}".rpartition("/")  # a namespace is a folder of the group
    _store(group, leaf, {"defaults": ["/env/bases/gym@_here_", "_self_"], "name": gym_name(env_id), "id": env_id})
    for group, suite in product(("agent/for_env", "experiment/for_env"), reversed(suites)):
        for path in (folder / group).glob(f"*_{suite}.yaml"):
            name = path.stem.removesuffix(suite) + env_id
            if (folder / group / f"{name}.yaml").is_file():
                continue
            for choice in [name, *(_with_other_agent(name) if group == "agent/for_env" else [])]:
                inner, _, leaf = f"{group}/{choice}".rpartition("/")
                _store(inner, leaf, {"defaults": [f"/{group}/{path.stem}@_here_"]})


def own_keys() -> set[str]:
    """Return the dotted names of settings of the user's own classes that were chosen in this process."""
    return _own_keys | {"act.kwargs", "env.kwargs"}


def setting_names(kind: type, prefix: str = "") -> list[str]:
    """List the dotted names of the settings of a configuration class."""
    return [prefix + key for key in dotted(cast(dict, OmegaConf.to_container(OmegaConf.structured(kind))))]


def files_of(game: str) -> tuple[str, ...]:
    """Name the files with the settings of a game; games with equal files have equal settings but for their names."""
    base = next((kind for kind, env in ENVS.items() if game in env.games()), game)
    return base, *sorted(path.name for path in Path(conf_dir()).glob(f"*/for_*/*_{game}.yaml"))


def _nested(settings: dict[str, Any]) -> dict[str, Any]:
    """Turn settings such as {"agent.lr": 1} into the nested dictionaries of a YAML file, {"agent": {"lr": 1}}."""
    nested: dict[str, Any] = {}
    for name, value in settings.items():
        group, _, key = name.partition(".")
        nested.setdefault(group, {})[key] = value
    return nested


def registered(group: str) -> set[str]:
    """Return the names that are registered in a group, without those of files."""
    names = ConfigStore.instance().repo
    for part in group.split("/"):
        names = names.get(part, {})
    return {name.removesuffix(".yaml") for name in names}


def _store(group: str, name: str, node: dict[str, Any]) -> None:
    ConfigStore.instance().store(group=group, name=name, node=node)
