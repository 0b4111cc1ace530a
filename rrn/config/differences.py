"""Find the settings that have no effect beside others, and those in which two configurations differ."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rrn.config.schema import Config
from rrn.config.settings import typed

MAY_CHANGE_ON_RESUME = {
    "resume",
    "run_dir",
    "steps",
    "device",
    "threads",
    "stack_seeds",
    "evaluation.figure_every",
    "checkpoint.every",
    "checkpoint.keep",
    "checkpoint.weights",
    "env.overlap",
    "env.vectorization",
    "env.exact",
    "agent.replay_on_device",
}
# settings that nothing reads while another one has this value; agents have their own
WITHOUT_EFFECT: dict[tuple[str, object], set[str]] = {
    ("act.trainable", False): {
        "act.lr",
        "act.delay",
        "act.freeze_after",
        "act.train_numerator",
        "act.train_denominator",
    },
    ("evaluation.episodes", None): {"evaluation.num_envs"},
}


def without_effect(config: Config) -> dict[str, str]:
    """Find the settings without effect: dotted name to the setting that disables it, such as agent.noisy=true."""
    values, agent = dotted(asdict(config)), config.agent
    rules = dict(WITHOUT_EFFECT)
    for (key, value), names in agent.without_effect.items():
        rules[f"agent.{key}", value] = {f"agent.{name}" for name in names}
    if not agent.overlaps_env:
        rules["agent.name", agent.name] = {"env.overlap"}
    return {
        name: f"{key}={typed(value)}"
        for (key, value), names in rules.items()
        if key in values and values[key] == value
        for name in names
    }


def effective(config: Config) -> dict[str, Any]:
    """Return the settings by dotted name, without those that have no effect beside the others."""
    idle = without_effect(config)
    return {key: value for key, value in dotted(asdict(config)).items() if key not in idle}


def changed_settings(before: Config, now: Config) -> str:
    """Report what keeps a run of one configuration from going on with another, such as "seed was 0 and is 1".

    Settings that only one of them has do not count: they came with a later version.

    Returns:
        One phrase for each such setting, joined by commas; empty if the run can go on.
    """
    old, new = effective(before), effective(now)
    changed = [key for key in sorted((old.keys() & new.keys()) - MAY_CHANGE_ON_RESUME) if old[key] != new[key]]
    names = {key: key.replace(".from_run", ".from") for key in changed}  # as on the command line
    return ", ".join(f"{names[key]} was {typed(old[key])} and is {typed(new[key])}" for key in changed)


def dotted(values: dict, prefix: str = "") -> dict:
    """Flatten nested dictionaries to one with dotted names; the inner nodes are left out."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= dotted(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
