"""Read ids of Gymnasium, such as LunarLander-v3 and my_package:MyEnv-v0, and find what they stand for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rrn.common.errors import UserError, first_line
from rrn.common.extras import needs
from rrn.common.imports import import_module_of_user

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec

ID = re.compile(r"(?:[\w.]+:)?(?:[\w.-]+/)?[\w.-]+-v\d+")  # [module:][namespace/]name-version
OWN_EXTRAS = {"gymnasium.envs.box2d": "box2d", "gymnasium.envs.mujoco": "mujoco", "gymnasium.envs.toy_text": "toy-text"}


def is_gym_id(text: object) -> bool:
    """Return whether a word has the form of an id of Gymnasium with its version."""
    return isinstance(text, str) and ID.fullmatch(text) is not None


def gym_name(env_id: str) -> str:
    """Return the name of an id in folders and tables, without its module: MyEnv-v0 for my_package:MyEnv-v0."""
    return re.sub(r"[^\w.-]", "-", env_id.rpartition(":")[2])


def find_spec(env_id: str) -> EnvSpec:
    """Return the entry of an id in Gymnasium's registry, after the import of its module.

    Raises:
        UserError: there is no such module or id, with Gymnasium's own suggestion.
    """
    what = f"env.id={env_id}"
    with needs(what, "rl"):
        import gymnasium
    module, _, name = env_id.rpartition(":")
    if module:
        import_module_of_user(module, what)
    try:
        return gymnasium.spec(name)
    except gymnasium.error.Error as error:
        text = first_line(error).rstrip(".")
        raise UserError(f"{what}: {text}{'' if text.endswith('?') else '.'}") from error


def missing_extra(env_id: str) -> UserError | None:
    """Return the error for an environment of Gymnasium whose packages are not installed; None for another one."""
    module = str(find_spec(env_id).entry_point)
    for start, extra in OWN_EXTRAS.items():
        if module.startswith(start):
            return UserError(f"env.id={env_id} needs more packages: pip install 'gymnasium[{extra}]'")
    return None
