"""The settings of a run: types, checks and composition."""

from rrn.config.differences import MAY_CHANGE_ON_RESUME, changed_settings, dotted, effective, without_effect
from rrn.config.schema import (
    ACTS,
    AGENTS,
    ENVS,
    ActConfig,
    AtariConfig,
    Config,
    DQNConfig,
    EnvConfig,
    MinAtarConfig,
    PPOConfig,
    RationalConfig,
    SB3PPOConfig,
    delay_steps,
    most_threads,
)

__all__ = [
    "ACTS",
    "AGENTS",
    "ENVS",
    "MAY_CHANGE_ON_RESUME",
    "ActConfig",
    "AtariConfig",
    "Config",
    "DQNConfig",
    "EnvConfig",
    "MinAtarConfig",
    "PPOConfig",
    "RationalConfig",
    "SB3PPOConfig",
    "changed_settings",
    "delay_steps",
    "dotted",
    "effective",
    "most_threads",
    "without_effect",
]
