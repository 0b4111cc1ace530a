"""The scores of one run over its training, ours or the authors': what statistics, reference and report share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """The evaluations of one run."""

    game: str  # as in env=
    agent: str  # as in agent=
    act: str  # as in act=
    seed: int
    steps: np.ndarray  # [E] agent steps of training before each evaluation, rising
    means: np.ndarray  # [E] mean score of the games of each evaluation

    def at(self, step: int) -> float:
        """The score of the last evaluation at or before an agent step; NaN if there is none yet."""
        index = int(np.searchsorted(self.steps, step, side="right")) - 1
        return float(self.means[index]) if index >= 0 else float("nan")

    @property
    def last(self) -> float:
        """The score of the last evaluation, which the paper's tables hold."""
        return float(self.means[-1])
