"""Describe what an agent must know of its environment: the form of observations and actions, without the environment.

A file of weights holds this, so that an agent is loaded without an emulator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rrn.envs.base import VectorEnv
from rrn.envs.spaces import ActionSpace, Box, Discrete, MultiDiscrete

FRAME_TYPES = {str(dtype).removeprefix("torch."): dtype for dtype in (torch.uint8, torch.bool, torch.float32)}


@dataclass(frozen=True)
class EnvShape:
    """Form of the observations [N, stack, *frame_shape] and of the actions of an environment."""

    frame_shape: tuple[int, ...]
    frame_type: torch.dtype
    stack: int
    action_space: ActionSpace

    @property
    def num_actions(self) -> int | None:
        """Return the number of actions if they are discrete."""
        return getattr(self.action_space, "n", None)

    @classmethod
    def of(cls, games: VectorEnv) -> EnvShape:
        """Return the shape of an environment."""
        return cls(tuple(games.frame_shape), games.frame_type, games.stack, games.action_space)

    def state_dict(self) -> dict[str, Any]:
        """Return it as numbers and words."""
        space: dict[str, Any] = {"kind": self.action_space.kind}
        if isinstance(self.action_space, Discrete):
            space["n"] = self.action_space.n
        elif isinstance(self.action_space, MultiDiscrete):
            space["sizes"] = list(self.action_space.sizes)
        elif isinstance(self.action_space, Box):
            space |= {"low": self.action_space.low.tolist(), "high": self.action_space.high.tolist()}
        name = str(self.frame_type).removeprefix("torch.")
        return {"frame_shape": list(self.frame_shape), "frame_type": name, "stack": self.stack, "actions": space}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> EnvShape:
        """Return the shape that `state_dict` wrote.

        Raises:
            KeyError, TypeError, ValueError: it did not.
        """
        space = state["actions"]
        actions: ActionSpace
        if space["kind"] == "Discrete":
            actions = Discrete(int(space["n"]))
        elif space["kind"] == "MultiDiscrete":
            actions = MultiDiscrete(space["sizes"])
        else:
            actions = Box(np.array(space["low"], np.float32), np.array(space["high"], np.float32))
        shape = tuple(int(size) for size in state["frame_shape"])
        return cls(shape, FRAME_TYPES[state["frame_type"]], int(state["stack"]), actions)
