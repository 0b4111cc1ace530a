"""The settings of a run: types, checks and composition."""

from rrn.config.act import ACTS, ActConfig, RationalConfig
from rrn.config.agent import (
    AGENTS,
    AgentConfig,
    DQNConfig,
    PPOConfig,
    PQNConfig,
)
from rrn.config.differences import MAY_CHANGE_ON_RESUME, changed_settings, dotted, effective, without_effect
from rrn.config.env import ENVS, AtariConfig, CartPoleConfig, EnvConfig, GymConfig, MinAtarConfig
from rrn.config.sb3 import SB3DQNConfig, SB3PPOConfig
from rrn.config.schema import Config, learning_steps, with_seed
from rrn.config.sequence import AtariSequenceConfig, MinAtarSequenceConfig
from rrn.config.settings import setting
from rrn.config.task import ClassifierConfig, TaskConfig

__all__ = [
    "ACTS",
    "AGENTS",
    "ENVS",
    "MAY_CHANGE_ON_RESUME",
    "ActConfig",
    "AgentConfig",
    "AtariConfig",
    "AtariSequenceConfig",
    "CartPoleConfig",
    "ClassifierConfig",
    "Config",
    "DQNConfig",
    "EnvConfig",
    "GymConfig",
    "MinAtarConfig",
    "MinAtarSequenceConfig",
    "PPOConfig",
    "PQNConfig",
    "RationalConfig",
    "SB3DQNConfig",
    "SB3PPOConfig",
    "TaskConfig",
    "changed_settings",
    "dotted",
    "effective",
    "learning_steps",
    "setting",
    "with_seed",
    "without_effect",
]
