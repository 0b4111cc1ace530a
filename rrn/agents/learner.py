"""Define the interface that the training loop drives: an agent that plays, stores what it saw and learns from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from rrn.agents.base import Agent, NotFinite
from rrn.envs import Episode, VectorEnv


@dataclass
class RunningStats:
    """Keep the mean and the maximum of a value that is measured more often than it is logged."""

    total: float = 0.0
    count: int = 0
    maximum: float = float("-inf")

    def add(self, value: float) -> None:
        """Count one more value."""
        self.total, self.count, self.maximum = self.total + value, self.count + 1, max(self.maximum, value)

    @property
    def mean(self) -> float:
        """Compute the mean of the values; at least one was added."""
        return self.total / self.count


class Learner(ABC):
    """Join an agent with its environments and, if it has one, its replay buffer.

    Attributes:
        agent: acts and is updated.
        games: the parallel environments that it plays.
        steps_per_call: agent steps of one call of `training_step`, over all environments.
        start: the parameters of the agent before training, if the distance from them is measured.
    """

    agent: Agent
    games: VectorEnv
    steps_per_call: int
    start: list[Tensor] | None = None

    def __init__(self) -> None:
        self.stats: dict[str, RunningStats] = defaultdict(RunningStats)  # of the updates since the last log

    @property
    def warming_up(self) -> str | None:
        """Say for the progress line what remains before the first training step; None: nothing."""
        return None

    def warmup_step(self) -> int:
        """Do a part of the warmup and return its agent steps, which do not count as training."""
        return 0

    @abstractmethod
    def training_step(self, step: int, measure: bool) -> list[Episode]:
        """Play `steps_per_call` agent steps, learn, and return the episodes that ended.

        Args:
            step: agent steps of training so far.
            measure: also measure values that cost time, because they are logged after this call.

        Raises:
            NotFinite: the loss is NaN or infinite.
        """

    def evaluate(self) -> dict[str, float] | None:
        """Return the scores of an evaluation, `mean` and others; None: those of whole episodes, which are played."""
        return None

    def sample_loss(self) -> Tensor | None:
        """Return the loss on recent data, a scalar with gradients, whose curvature is measured; None: it is not."""
        return None

    @abstractmethod
    def sample_observations(self, number: int, generator: torch.Generator) -> Tensor:
        """Return recent observations [number, stack, *frame], for the figures and measures of the activations."""

    def schedules(self, step: int) -> dict[str, float]:
        """Return the values that follow a schedule, such as epsilon, after `step` agent steps, for the log."""
        return {}

    def progress_text(self, step: int) -> str:
        """Return a few words for the end of the progress line."""
        return ""

    def log_values(self, values: dict[str, float]) -> None:
        """Add the values of one update to the next log.

        The log shows the maximum of a value whose name ends in _max, and the mean of others.
        """
        for name, value in values.items():
            self.stats[name].add(value)

    def pop_values(self) -> dict[str, float]:
        """Return the values for the log, of the updates since the last call, and start again."""
        values = {name: s.maximum if name.endswith("_max") else s.mean for name, s in self.stats.items()}
        self.stats.clear()
        return values

    def export(self, path: Path) -> None:  # noqa: B027
        """Write the agent in the format of another library, beside the checkpoint with this path."""

    def state_dict(self) -> dict:
        """Return all but the state of the agent, which has its own `state_dict`."""
        sums = {name: list(astuple(stats)) for name, stats in self.stats.items()}
        return {"sums": sums, "games": self.games.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.stats.clear()
        self.stats.update({name: RunningStats(*values) for name, values in state["sums"].items()})
        self.games.load_state_dict(state["games"])


class Stack(Protocol):
    """Several learners that train as one program, each to rounding as it would alone."""

    def train(self, step: int, number: int, measure: bool) -> tuple[int, dict[int, NotFinite]]:
        """Train all for some agent steps, or fewer.

        Args:
            step: agent steps of training so far.
            number: most steps to make.
            measure: also measure what costs time, in the last of them.

        Returns:
            How many steps were made, and the learners, by index, whose next one has a loss that is not finite. They
            must be left out from then on.

        Raises:
            ValueError: their networks cannot be stacked.
        """
