"""Sample rows of a replay buffer by their priorities (Schaul et al. 2016, proportional variant)."""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 1024  # rows with a common sum of priorities, so that an update or a sample reads few of them


class PrioritizedSampler:
    """Keep p_i^alpha of each row, and draw row i with probability p_i^alpha / sum over k of p_k^alpha.

    Sums are computed from the priorities each time and not corrected, so that they do not drift.

    Args:
        rows: their number; priorities start at 0, which is never drawn.
        alpha: exponent of the priorities; 0 samples uniformly.
    """

    def __init__(self, rows: int, alpha: float):
        self.alpha = alpha
        self.powers = torch.zeros(-(-rows // BLOCK), BLOCK, dtype=torch.float64)
        self.sums = torch.zeros(len(self.powers), dtype=torch.float64)
        self.largest = 1.0  # of all powers so far: what a new row gets

    def update(self, rows: Tensor, priorities: Tensor) -> None:
        """Set priorities [K], above 0, of rows [K]; of a row that occurs twice, one of the two counts."""
        powers = priorities.double() ** self.alpha
        self.largest = max(self.largest, powers.max().item())
        self._write(rows, powers)

    def add(self, rows: Tensor) -> None:
        """Let rows [K] be drawn, at the largest priority so far."""
        self._write(rows, torch.full(rows.shape, self.largest, dtype=torch.float64))

    def remove(self, rows: Tensor) -> None:
        """Never draw rows [K]."""
        self._write(rows, torch.zeros(rows.shape, dtype=torch.float64))

    def _write(self, rows: Tensor, powers: Tensor) -> None:
        self.powers.view(-1)[rows] = powers
        blocks = rows // BLOCK
        self.sums[blocks] = self.powers[blocks].sum(1)

    def sample(self, size: int, generator: torch.Generator) -> Tensor:
        """Draw `size` rows by their priorities, with replacement, [size]; `generator` is on the CPU."""
        ends = self.sums.cumsum(0)
        point = torch.rand(size, generator=generator, dtype=torch.float64) * ends[-1]
        blocks = torch.searchsorted(ends, point, right=True).clamp(max=len(ends) - 1)
        within = self.powers[blocks].cumsum(1)  # [size, BLOCK]
        rest = (point - (ends - self.sums)[blocks])[:, None]
        return blocks * BLOCK + torch.searchsorted(within, rest, right=True).squeeze(1).clamp(max=BLOCK - 1)

    def weights(self, rows: Tensor, beta: float) -> Tensor:
        """Compute the importance-sampling weights [K] of the losses of rows [K], the largest of them 1.

        (N P(i))^-beta over its maximum in these rows (section 3.4), where the number N of all rows cancels.
        """
        powers = self.powers.view(-1)[rows]
        return ((powers / powers.min()) ** -beta).float()

    def state_dict(self) -> dict:
        return {"powers": self.powers.clone(), "largest": self.largest}

    def load_state_dict(self, state: dict) -> None:
        self.powers.copy_(state["powers"])
        self.sums = self.powers.sum(1)
        self.largest = state["largest"]
