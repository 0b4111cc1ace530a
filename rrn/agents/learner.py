"""What the loop in training/trainer.py drives: an agent at work, which plays, keeps what it saw and learns from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor

from rrn.agents.base import Agent
from rrn.envs import Episode, VectorEnv


class Learner(ABC):
    """An agent, its games and its memory.

    Attributes:
        agent: it learns.
        games: it plays them.
        steps_per_call: agent steps of one call of `training_step`, over all games.
    """

    agent: Agent
    games: VectorEnv
    steps_per_call: int

    def __init__(self):
        self.sums: dict[str, list[float]] = {}  # of what was measured since the last log: sum, count, largest

    @property
    def warming_up(self) -> str | None:
        """What is still to be done before the first step of training, for the progress line; None: nothing."""
        return None

    def warmup_step(self) -> int:
        """Some of it; the agent steps taken, which do not count as training."""
        return 0

    @abstractmethod
    def training_step(self, step: int, measure: bool) -> list[Episode]:
        """Play the next `steps_per_call` agent steps after `step` of them and learn; the games that ended.

        Args:
            step: agent steps of training before.
            measure: whether values that cost time are wanted too, since they are logged after this.

        Raises:
            NotFinite: the loss is NaN or infinite.
        """

    @abstractmethod
    def sample_observations(self, number: int, generator: torch.Generator) -> Tensor:
        """Observations [number, stack, *frame] that occurred lately, to show what the activations do with them."""

    def schedules(self, step: int) -> dict[str, float]:
        """What changes by a schedule, such as epsilon, after `step` agent steps; for the log."""
        return {}

    def progress_text(self, step: int) -> str:
        """A few words for the end of the progress line."""
        return ""

    def log_values(self, values: dict[str, float]) -> None:
        """Add values of one update to what the next log will show."""
        for name, value in values.items():
            total, number, largest = self.sums.get(name, (0.0, 0, float("-inf")))
            self.sums[name] = [total + value, number + 1, max(largest, value)]

    def pop_values(self) -> dict[str, float]:
        """Means since the last call, the largest value of names that end in _max."""
        values = {n: most if n.endswith("_max") else total / number for n, (total, number, most) in self.sums.items()}
        self.sums = {}
        return values

    def export(self, path: Path) -> None:  # noqa: B027
        """Write the agent in the format of another library, beside the checkpoint that this path will have."""

    def state_dict(self) -> dict:
        """All but the agent, which has its own."""
        return {"sums": {name: list(values) for name, values in self.sums.items()}, "games": self.games.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.sums = state["sums"]
        self.games.load_state_dict(state["games"])
