"""Make the classifier and its learner from a configuration."""

from __future__ import annotations

from typing import cast

import torch

from rrn.agents.classifier.agent import Classifier
from rrn.agents.classifier.learner import ClassifierLearner
from rrn.config import ClassifierConfig, Config
from rrn.envs import VectorEnv
from rrn.networks.base import Network
from rrn.networks.build import lr_rational, make_network
from rrn.tasks.env import TaskEnv


def make_agent(config: Config, games: VectorEnv, device: torch.device) -> Classifier:
    """Make the agent of the configuration."""
    form = games.frame_shape, games.stack, games.num_actions

    def fresh() -> Network:
        return make_network(config, *form)

    return Classifier(cast(ClassifierConfig, config.agent), fresh().to(device), fresh, config.seed, lr_rational(config))


def make_learner(config: Config, agent: Classifier, games: VectorEnv) -> ClassifierLearner:
    """Make the learner that trains an agent on the tasks."""
    return ClassifierLearner(config, agent, cast(TaskEnv, games))
