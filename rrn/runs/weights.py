"""Keep the weights of a run's agents in small files: of its best evaluation, of the last, or of all.

A checkpoint has all that a run needs to go on, the replay buffer among it; a file of weights has what it takes to act.
Its format is that of checkpoints.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

from rrn.runs import checkpoint

BEST, LAST = "best", "last"


@dataclass
class Best:
    """The best evaluation so far."""

    step: int = -1  # -1: none yet
    score: float = -math.inf  # its mean


class WeightsFiles:
    """Write the files in the folder `weights` of a run.

    Args:
        folder: of the run.
        which: best (the best and the last evaluation), all (a file of each evaluation too) or none.
    """

    def __init__(self, folder: Path, which: str):
        self.folder, self.which, self.best = folder / "weights", which, Best()

    def evaluated(self, step: int, score: float, state: dict) -> None:
        """Write what an evaluation of this mean score calls for.

        Raises:
            UserError: a file cannot be written, as on a full disk.
        """
        better = score > self.best.score
        if better:
            self.best = Best(step, score)
        if self.which == "none":
            return
        names = [LAST, *([BEST] if better else []), *([f"step_{step:010d}"] if self.which == "all" else [])]
        for name in names:
            checkpoint.write(self.folder / f"{name}.pt", {**state, "step": step, "score": score})

    def state_dict(self) -> dict:
        return asdict(self.best)

    def load_state_dict(self, state: dict) -> None:
        self.best = Best(**state)


def find_weights(folder: Path, name: str) -> Path | None:
    """Return the file of weights that a name stands for: best, last, or an agent step; None if there is none.

    Args:
        folder: of the run.
        name: what is asked for.
    """
    stem = f"step_{int(name):010d}" if name.isdecimal() else name
    path = folder / "weights" / f"{stem}.pt"
    return path if path.is_file() else None
