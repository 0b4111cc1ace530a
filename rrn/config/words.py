"""Turn words of the command line that stand for others into those: task=, env=gym."""

from __future__ import annotations

import re

from rrn.common.errors import UserError
from rrn.config.task import TASKS


def plain_words(words: list[str]) -> list[str]:
    """Turn words that stand for others into those: task= and task.* into env= and env.*, env=gym env.id=X into env=X.

    A task has agent=classifier where no agent is chosen.

    Raises:
        UserError: env=gym has no env.id beside it.
    """
    words = [re.sub(r"^task(?=[=.])", "env", word) for word in words]
    chosen = {value for word in words if word.startswith("env=") for value in word.removeprefix("env=").split(",")}
    if chosen & set(TASKS) and not any(word.startswith("agent=") for word in words):
        first = next(number for number, word in enumerate(words) if word.startswith("env="))
        words.insert(first, "agent=classifier")  # beside it: all settings stand together, before or after the options
    return _with_gym_id(words)


def _with_gym_id(words: list[str]) -> list[str]:
    """Turn the words env=gym and env.id=X into env=X, so that the files with settings for X are chosen."""
    if "env=gym" not in words:
        return words
    ids = [word.partition("=")[2] for word in words if word.startswith("env.id=")]
    if len(ids) != 1:
        raise UserError("env=gym: expected one id of Gymnasium beside it, such as env.id=LunarLander-v3.")
    rest = [word for word in words if not word.startswith("env.id=")]
    return [f"env={ids[0]}" if word == "env=gym" else word for word in rest]
