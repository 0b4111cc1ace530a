"""Define the actions of environments: which there are, how they are checked, recorded and drawn at random."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor


class ActionSpace(ABC):
    """Base class of the action spaces.

    Attributes:
        kind: name of the space in Gymnasium, by which agents say what they can take.
        shape: of one action; () for a number.
        dtype: of recorded actions, as those of an episode.
        tensor_type: of actions in tensors of an agent.
    """

    kind: ClassVar[str]
    shape: tuple[int, ...]
    dtype: np.dtype
    tensor_type: ClassVar[torch.dtype]

    @abstractmethod
    def check(self, actions: np.ndarray, number: int) -> np.ndarray:
        """Return `number` actions [N, *shape] as the environment takes them.

        Raises:
            ValueError: another shape, or an action that there is not.
        """

    @abstractmethod
    def random(self, number: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw actions [N, *shape]."""

    def recorded(self, actions: Sequence[Any]) -> np.ndarray:
        """Return a list of actions as an array [length, *shape]."""
        return np.array(actions, dtype=self.dtype).reshape(len(actions), *self.shape)


class Discrete(ActionSpace):
    """One of n actions, 0 to n - 1."""

    kind = "Discrete"
    shape = ()
    tensor_type = torch.int64

    def __init__(self, n: int):
        self.n = n
        self.dtype = np.dtype(np.uint8 if n <= 256 else np.int64)

    def check(self, actions: np.ndarray, number: int) -> np.ndarray:
        actions = np.asarray(actions, dtype=np.int64)
        values = actions.tolist()  # quicker than NumPy's min and max, for few
        if actions.shape != (number,) or min(values) < 0 or max(values) >= self.n:
            raise ValueError(f"expected {number} actions in 0..{self.n - 1}, got {actions}.")
        return actions

    def random(self, number: int, generator: torch.Generator | None = None) -> Tensor:
        return torch.randint(self.n, (number,), generator=generator)


class MultiDiscrete(ActionSpace):
    """Several choices at once; choice k is one of sizes[k], from 0."""

    kind = "MultiDiscrete"
    dtype = np.dtype(np.int64)
    tensor_type = torch.int64

    def __init__(self, sizes: Sequence[int]):
        self.sizes = tuple(map(int, sizes))
        self.shape = (len(self.sizes),)

    def check(self, actions: np.ndarray, number: int) -> np.ndarray:
        actions = np.asarray(actions, dtype=np.int64)
        if actions.shape != (number, *self.shape) or actions.min() < 0 or (actions >= self.sizes).any():
            raise ValueError(f"expected {number} actions of choices below {self.sizes}, got {actions}.")
        return actions

    def random(self, number: int, generator: torch.Generator | None = None) -> Tensor:
        return torch.stack([torch.randint(size, (number,), generator=generator) for size in self.sizes], 1)


class Box(ActionSpace):
    """A vector of numbers with bounds, which may be infinite; what lies outside is clipped to them.

    Args:
        low, high: [D].
    """

    kind = "Box"
    dtype = np.dtype(np.float32)
    tensor_type = torch.float32

    def __init__(self, low: np.ndarray, high: np.ndarray):
        self.low, self.high = (np.asarray(bound, dtype=np.float32) for bound in (low, high))
        self.shape = self.low.shape

    def check(self, actions: np.ndarray, number: int) -> np.ndarray:
        actions = np.asarray(actions, dtype=np.float32)
        if actions.shape != (number, *self.shape) or np.isnan(actions).any():
            raise ValueError(f"expected {number} actions of {self.shape[0]} numbers, got {actions}.")
        return actions.clip(self.low, self.high)

    def random(self, number: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw uniformly between two bounds, else from the standard normal distribution, clipped to the one bound."""
        low, high = torch.from_numpy(self.low), torch.from_numpy(self.high)
        bounded = torch.isfinite(low) & torch.isfinite(high)
        uniform = torch.rand(number, *self.shape, generator=generator)
        normal = torch.randn(number, *self.shape, generator=generator)
        within = torch.where(bounded, low, 0) + uniform * torch.where(bounded, high - low, 1)
        return torch.where(bounded, within, normal.clamp(low, high))
