"""Make the classifier and its learner from a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch

from rrn.agents.classifier.agent import Classifier
from rrn.agents.classifier.learner import ClassifierLearner
from rrn.agents.classifier.stacked import StackedClassifiers
from rrn.common.seeding import derive_seed
from rrn.config import ClassifierConfig, Config
from rrn.envs import VectorEnv
from rrn.networks.base import Network
from rrn.networks.build import lr_rational, make_network
from rrn.tasks.env import TaskEnv

FRESH = 6  # part of the keys of the seeds of new networks, beside those of rrn/tasks


def make_agent(config: Config, games: VectorEnv, device: torch.device) -> Classifier:
    """Make the agent of the configuration."""
    form = games.frame_shape, games.stack, games.num_actions
    network = make_network(config, *form).to(device)

    def fresh(task: int) -> Network:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(config.seed, FRESH, task))
            return make_network(config, *form)

    return Classifier(cast(ClassifierConfig, config.agent), network, fresh, config.seed, lr_rational(config))


def make_stack(learners: Sequence[ClassifierLearner]) -> StackedClassifiers:
    """Join learners that differ only in the seed, to train as one program."""
    return StackedClassifiers(learners)


def make_learner(config: Config, agent: Classifier, games: VectorEnv) -> ClassifierLearner:
    """Make the learner that trains an agent on the tasks."""
    return ClassifierLearner(config, agent, cast(TaskEnv, games))
