"""Settings of continual supervised tasks, such as task=random_labels, and of the classifier that learns them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rrn.common.errors import UserError
from rrn.config.agent import AGENTS, AgentConfig
from rrn.config.env import ENVS, EnvConfig
from rrn.config.settings import LARGE, STEPS, require, setting

if TYPE_CHECKING:
    from rrn.config.schema import Config

TASKS = ("random_labels", "permuted_inputs", "shuffled_labels", "class_incremental")
GENERATED, FROM_FOLDER = "gaussian", ("mnist", "cifar10")  # data; digits come with scikit-learn


@dataclass
class TaskConfig(EnvConfig):
    """Settings of a sequence of supervised tasks. Agent steps are updates."""

    envs: ClassVar[str] = "rrn.tasks.env:TaskEnv"
    suite: ClassVar[str | None] = "Task"
    averaged: ClassVar[bool] = True
    of_seed: ClassVar[tuple[str, ...]] = ("task_seed",)

    data: str = setting(
        choices=(GENERATED, "digits", *FROM_FOLDER),
        about="gaussian: generated; digits: 8x8 images of scikit-learn; mnist, cifar10: from data_folder",
    )
    data_folder: str | None = setting(None, about="folder of MNIST or CIFAR-10, as torchvision stores them")
    examples: int | None = setting(at_least=2, at_most=10**6, about="training examples; null: all that there are")
    features: int = setting(at_least=1, at_most=10**5, about="numbers of an input of data=gaussian")
    classes: int = setting(at_least=2, at_most=10**4, about="labels of random_labels")
    new_classes: int = setting(at_least=1, at_most=10**4, about="classes that each task of class_incremental adds")
    task_steps: int = setting(at_least=1, at_most=STEPS, about="updates on each task")
    task_seed: int = setting(at_least=0, at_most=2**32 - 1, about="of data and tasks; that of the run")

    @classmethod
    def games(cls) -> Collection[str]:
        return TASKS

    @property
    def packages_of_run(self) -> tuple[str, ...]:
        return ("scikit-learn",) if self.data == "digits" else ()

    def protocol(self) -> str:
        of = f" of {self.features} numbers" if self.data == GENERATED else ""
        number = "all" if self.examples is None else f"{self.examples:,}"
        return f"protocol: {self.name}, {self.data}, {number} examples{of}, {self.task_steps:,} updates for each task"

    def check(self, config: Config) -> None:
        require(self.num_envs == 1, "env.num_envs", "1 with task=", self.num_envs)
        require(not self.clip_rewards, "env.clip_rewards", "false with task=", self.clip_rewards)
        generated = self.data == GENERATED
        require(not generated or self.name == "random_labels", "task.data", "data with labels", self.data)
        require(not generated or self.examples is not None, "task.examples", "a number with task.data=gaussian", None)
        needs = self.data in FROM_FOLDER
        require(not needs or self.data_folder, "task.data_folder", f"a folder with task.data={self.data}", None)


@dataclass
class ClassifierConfig(AgentConfig):
    """Settings of agent=classifier, which learns the tasks of task=."""

    build: ClassVar[str] = "rrn.agents.classifier.build"
    stackable: ClassVar[bool] = True
    smoke: ClassVar[dict[str, Any]] = {"env.task_steps": 100}

    learning_rate: float = setting(above=0, at_most=LARGE, about="learning rate of Adam")
    adam_eps: float = setting(above=0, at_most=LARGE, about="epsilon of Adam, in its denominator")
    batch_size: int = setting(at_least=1, at_most=10**6, about="examples of an update")
    weight_decay: float = setting(
        at_least=0, at_most=LARGE, about="adds this share of each weight to its gradient, not of coefficients"
    )
    reset: str | None = setting(
        choices=("all", "last", "optimiser"),
        about="what begins afresh at a new task: all parameters, the last layer, or the optimiser alone; null: nothing",
    )
    reset_every: int = setting(at_least=1, at_most=10**9, about="tasks between two resets, and between two shrinks")
    shrink: float = setting(
        at_least=0, at_most=1, about="factor of all parameters at a new task (Ash and Adams 2020); 1: none"
    )
    perturb: float = setting(
        at_least=0, at_most=LARGE, about="share of a new network that is added to them there; 0: nothing"
    )

    def check(self, config: Config) -> None:
        if config.env.kind != "task":
            raise UserError(f"agent={self.name}: expected task= beside it, got env={config.env.name}.")


ENVS["task"] = TaskConfig  # in the tables of the files that this one builds on
AGENTS["classifier"] = ClassifierConfig
