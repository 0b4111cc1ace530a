"""The scores of one run over its training, ours or the authors'."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)  # so that a set can hold curves: arrays have no hash
class Curve:
    """Evaluations of one run; a curve equals only itself."""

    game: str  # as in env=
    agent: str  # as in agent=
    act: str  # as in act=
    seed: int
    steps: np.ndarray  # [E] agent steps of training before each evaluation, rising
    means: np.ndarray  # [E] mean score of the games of each evaluation
    averaged: bool = False  # the score of a run is the mean of its evaluations in training, as where tasks change

    @property
    def method(self) -> tuple[str, str]:
        """Return agent and activation."""
        return self.agent, self.act

    def at(self, step: int) -> float:
        """Return the score of the last evaluation at or before an agent step.

        NaN if there is none yet, or if the run had ended before the next one would have been due: of the authors' runs,
        many end one evaluation before the end.
        """
        index = int(np.searchsorted(self.steps, step, side="right")) - 1
        behind = step - self.steps[-1]
        ended = behind > 0 and (len(self.steps) == 1 or behind > self.steps[-1] - self.steps[-2])
        if index < 0 or ended:
            return float("nan")
        return self._score(index)

    @property
    def last(self) -> float:
        """Return the score of the last evaluation, as in the paper's tables; of a curve that is averaged, the mean."""
        return self._score(len(self.means) - 1)

    def _score(self, index: int) -> float:
        """Return the score of the run up to an evaluation."""
        trained = self.means[: index + 1][self.steps[: index + 1] > 0]
        return float(trained.mean() if self.averaged and len(trained) else self.means[index])
