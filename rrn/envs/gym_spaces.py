"""Translate the spaces of Gymnasium: observations to frames, and our actions to those of an environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from gymnasium import Space, spaces

from rrn.common.errors import UserError
from rrn.envs.spaces import ActionSpace, Box, Discrete, MultiDiscrete

SMALLEST_IMAGE = 36  # pixels, of height and width; the three convolutions need as many
MOST_FEATURES = 1 << 20  # of a one-hot vector
Translation = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Frames:
    """Say how observations of a space become frames."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    of: Translation  # batch [N, ...] of the space to frames [N, *shape], which may share its memory


def frames_of(space: Space, env: str) -> Frames:
    """Return how observations of a space become frames.

    Images of uint8, at least 36 pixels high and wide, are frames [height, width] or [channels, height, width] of uint8.
    A Discrete space becomes a one-hot vector. All else is flattened to a vector of float32.

    Args:
        space: of one observation.
        env: what to call the environment in an error.

    Raises:
        UserError: a space with parts or words, which no network here can take.
    """
    if isinstance(space, spaces.Discrete):
        if space.n > MOST_FEATURES:
            raise UserError(f"{env}: expected at most {MOST_FEATURES:,} discrete observations, got {space.n:,}.")
        n, start = int(space.n), int(space.start)
        return Frames((n,), torch.float32, lambda x: np.eye(n, dtype=np.float32)[np.asarray(x) - start])
    if not isinstance(space, spaces.Box | spaces.MultiBinary | spaces.MultiDiscrete):
        raise UserError(
            f"{env}: its observations are a {type(space).__name__} space, and expected is one array; register an id of "
            "your own that wraps it, as in gymnasium.wrappers.FlattenObservation (docs/environments.md shows how)."
        )
    shape = space.shape
    if space.dtype == np.uint8 and len(shape) == 2 and min(shape) >= SMALLEST_IMAGE:
        return Frames(shape, torch.uint8, np.array)
    if space.dtype == np.uint8 and len(shape) == 3:
        first = shape[0] <= min(shape[1:])
        channels, height, width = shape if first else (shape[2], *shape[:2])
        if min(height, width) >= SMALLEST_IMAGE:
            frame = (channels, height, width)
            return Frames(frame, torch.uint8, lambda x: np.array(x if first else x.transpose(0, 3, 1, 2), order="C"))
    size = int(np.prod(shape))
    return Frames((size,), torch.float32, lambda x: x.reshape(len(x), size).astype(np.float32, copy=False))


def actions_of(space: Space, env: str) -> tuple[ActionSpace, Translation]:
    """Return our space for one of Gymnasium, and what turns its actions [N, *shape] into a batch for the environment.

    Args:
        space: of one action.
        env: what to call the environment in an error.

    Raises:
        UserError: a space that no agent here can act in.
    """
    if isinstance(space, spaces.Discrete):
        start = space.start
        return Discrete(int(space.n)), lambda actions: (actions + start).astype(space.dtype)
    if isinstance(space, spaces.MultiBinary):
        return MultiDiscrete([2] * int(np.prod(space.shape))), lambda actions: _shaped(actions, space)
    if isinstance(space, spaces.MultiDiscrete):
        return MultiDiscrete(space.nvec.ravel().tolist()), lambda actions: _shaped(actions, space) + space.start
    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating):
        return Box(space.low.ravel(), space.high.ravel()), lambda actions: _shaped(actions, space)
    kind = f"{type(space).__name__} of {space.dtype}" if isinstance(space, spaces.Box) else type(space).__name__
    raise UserError(
        f"{env}: its actions are a {kind} space, and expected is Discrete, MultiDiscrete, MultiBinary or a Box of "
        "floats; register an id of your own that wraps it in a gymnasium.ActionWrapper."
    )


def _shaped(actions: np.ndarray, space: Space) -> np.ndarray:
    """Return actions [N, D] in the shape and type of a space."""
    return actions.reshape(len(actions), *space.shape).astype(space.dtype)
