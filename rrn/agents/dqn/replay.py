"""Replay buffer that keeps each frame once and rebuilds the stacks at sampling (Mnih et al. 2015, methods).

7.06 GB per million transitions of 84x84 frames. Rows are frames in the order in which they came, one
ring for each environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rrn.agents.compression import compress, decompress
from rrn.agents.dqn.priorities import PrioritizedSampler
from rrn.common.device import CPU, require_memory


@dataclass
class TransitionBatch:
    """Transitions for one update; B of them, of up to n agent steps each."""

    states: Tensor  # [B, stack, *frame]
    actions: Tensor  # [B] int64
    rewards: Tensor  # [B, n] float32, as stored; 0 after the end of an episode
    next_states: Tensor  # [B, stack, *frame], after the last of the steps
    steps: Tensor  # [B] int64, how many there are
    terminated: Tensor  # [B] bool, with the last of them
    weights: Tensor | None = None  # [B] of the losses, if drawn by priorities
    rows: Tensor | None = None  # [B] int64, where the memory holds them, if drawn by priorities


class ReplayBuffer:
    """The last `capacity` transitions of several environments.

    A row holds a frame and what was done on seeing it. `start` marks the first frame of a game,
    apart from `terminated`, which a lost life sets too. `final` marks a frame after which nothing was
    done: the last one of a game that was cut off. Transitions are of `n_step` steps, of fewer where an episode ends
    before (Sutton 1988; Hessel et al. 2018, multi-step learning). With `alpha` they have priorities.
    Memory is taken from the system as it fills. The frames can be on a GPU, where batches are made of them without a
    copy through the CPU; the rest stays on the CPU, and the samples are the same.

    Raises:
        UserError: more memory than the machine has free.
    """

    def __init__(
        self,
        capacity: int,
        num_envs: int,
        frame_shape: Sequence[int],
        dtype: torch.dtype,
        stack: int,
        device: torch.device = CPU,
        n_step: int = 1,
        alpha: float | None = None,
    ):
        self.rows = -(-capacity // num_envs) + stack + n_step - 1
        self.num_envs, self.stack, self.n_step = num_envs, stack, n_step
        frame_bytes = int(np.prod(frame_shape)) * dtype.itemsize
        needed = self.rows * num_envs * (frame_bytes + 8 + 8 * (alpha is not None))
        require_memory("agent.replay_capacity", capacity, needed, device)
        self.frames = torch.empty((num_envs * self.rows, *frame_shape), dtype=dtype, device=device)
        self.actions = torch.zeros(num_envs * self.rows, dtype=torch.uint8)
        self.rewards = torch.zeros(num_envs * self.rows)
        self.terminated, self.start, self.final = torch.zeros((3, num_envs * self.rows), dtype=torch.bool)
        columns = (self.actions, self.rewards, self.terminated, self.start, self.final)
        self.arrays = [column.numpy() for column in columns]  # the same memory, quicker to write a few rows to
        self.priorities = None if alpha is None else PrioritizedSampler(num_envs * self.rows, alpha)
        self.added = np.zeros(num_envs, dtype=np.int64)  # rows ever added

    def __len__(self) -> int:
        return int(np.minimum(self.added, self.rows).sum())

    def add(
        self, frames: np.ndarray, actions: np.ndarray, rewards: np.ndarray, terminated: np.ndarray, start: np.ndarray
    ) -> None:
        """Store what each environment showed, [N, *frame], what was done, and what came of it, all [N]."""
        self._append(np.arange(self.num_envs), frames, actions, rewards, terminated, start, final=False)

    def add_final(self, envs: np.ndarray, frames: np.ndarray) -> None:
        """Store the last frames [K, *frame] of games that were cut off, so that their value can be bootstrapped.

        Args:
            envs: [K] numbers of their environments.
            frames: [K, *frame].
        """
        self._append(envs, frames, 0, 0.0, False, False, final=True)

    def _append(self, envs, frames, actions, rewards, terminated, start, final) -> None:
        rows = envs * self.rows + self.added[envs] % self.rows
        if self.frames.is_cpu:
            array = self.frames.numpy()
            for row, frame in zip(rows, frames, strict=True):  # quicker than all at once, which goes pixel by pixel
                array[row] = frame
        else:
            self.frames[torch.from_numpy(rows).to(self.frames.device)] = torch.from_numpy(frames).to(self.frames.device)
        for array, value in zip(self.arrays, (actions, rewards, terminated, start, final), strict=True):
            array[rows] = value
        self.added[envs] += 1
        if self.priorities:
            self._update_priorities(envs)

    def _update_priorities(self, envs: np.ndarray) -> None:
        """After a row was added: the transitions that are whole with it, and those that lost a frame of their stack."""
        filled = np.minimum(self.added[envs], self.rows)
        new, whole, broken = (
            envs * self.rows + (self.added[envs] - 1 - age) % self.rows
            for age in (0, self.n_step, filled - self.stack + 1)
        )
        self.priorities.remove(torch.from_numpy(np.concatenate((new, broken))))
        whole = torch.from_numpy(whole[filled >= self.stack + self.n_step])
        self.priorities.add(whole[~self.final[whole]])

    def sample(self, size: int, generator: torch.Generator, beta: float | None = None) -> TransitionBatch:
        """`size` transitions, with replacement: by priorities with weights of this beta, or uniformly without it.

        `generator` is one of the CPU.
        """
        least = self.num_envs * (2 * self.stack + self.n_step - 1)
        if len(self) < least:
            raise ValueError(f"expected at least {least} rows to sample from, got {len(self)}.")
        rows = self._draw(size, generator) if beta is None else self.priorities.sample(size, generator)
        env, row = rows // self.rows, rows % self.rows
        around = torch.arange(-self.stack + 1, self.n_step + 1)  # from the state's oldest frame to the last next one
        window = env[:, None] * self.rows + (row[:, None] + around) % self.rows  # [B, stack + n]
        # whole rows are copied, where indexing would take each pixel apart
        frames = self.frames.index_select(0, window.flatten().to(self.frames.device)).view(
            *window.shape, *self.frames.shape[1:]
        )
        start = self.start[window]
        seen, following = window[:, self.stack - 1 : -1], window[:, self.stack :]  # [B, n]
        ends = self.terminated[seen] | self.final[following]
        counted = ends.cumsum(1) - ends.long() == 0
        steps = counted.sum(1)
        return TransitionBatch(
            _without_older_games(frames[:, : self.stack], start[:, : self.stack]),
            self.actions[rows].long(),
            self.rewards[seen] * counted,
            _without_older_games(*(self._after(steps, x) for x in (frames, start))),
            steps,
            (self.terminated[seen] & counted).any(1),
            *(() if beta is None else (self.priorities.weights(rows, beta), rows)),
        )

    def _after(self, steps: Tensor, window: Tensor) -> Tensor:
        """The stack that each window [B, stack + n, ...] holds after so many steps [B]."""
        if self.n_step == 1:
            return window[:, 1:]
        places = (steps[:, None] + torch.arange(self.stack)).to(window.device)
        return window[torch.arange(len(steps), device=window.device)[:, None], places]

    def _draw(self, size: int, generator: torch.Generator) -> Tensor:
        """`size` rows that hold a whole transition, uniformly, [size]."""
        added = torch.from_numpy(self.added)
        filled = added.clamp(max=self.rows)
        ends = filled.cumsum(0)
        drawn = torch.empty(0, dtype=torch.int64)
        while len(drawn) < size:
            pick = torch.randint(len(self), (size,), generator=generator)
            env = torch.searchsorted(ends, pick, right=True)
            row = pick - (ends - filled)[env]
            age = (added[env] - 1 - row) % self.rows
            # the next frames are there, and so are the older ones of the stack
            whole = (age >= self.n_step) & (age <= filled[env] - self.stack)
            rows = env * self.rows + row
            drawn = torch.cat((drawn, rows[whole & ~self.final[rows]]))
        return drawn[:size]

    def state_dict(self) -> dict:
        """All rows, frames compressed."""
        frames = [compress(self.frames[rows]) for rows in self._filled()]
        small = ("actions", "rewards", "terminated", "start", "final")
        values: dict = {name: [getattr(self, name)[rows].clone() for rows in self._filled()] for name in small}
        if self.priorities:
            values["priorities"] = self.priorities.state_dict()
        return {"added": self.added.tolist(), "frames": frames, **values}

    def load_state_dict(self, state: dict) -> None:
        """The rows of a memory of the same size and number of environments."""
        self.added = np.array(state["added"])
        for env, rows in enumerate(self._filled()):
            decompress(state["frames"][env], self.frames[rows])
            for name in ("actions", "rewards", "terminated", "start", "final"):
                getattr(self, name)[rows] = state[name][env]
        if self.priorities:
            self.priorities.load_state_dict(state["priorities"])

    def _filled(self) -> list[slice]:
        """The rows of each environment that hold something."""
        first = [env * self.rows for env in range(self.num_envs)]
        return [slice(f, f + min(int(added), self.rows)) for f, added in zip(first, self.added, strict=True)]


def _without_older_games(stack: Tensor, start: Tensor) -> Tensor:
    """Zeros in place of the frames before the start of a game; [B, stack, *frame] and [B, stack]."""
    later = start.flip(1).cumsum(1).flip(1) - start.int()
    if not later.any():
        return stack
    return stack.masked_fill((later > 0).view(*later.shape, *(1,) * (stack.dim() - 2)).to(stack.device), 0)
