"""Store transitions with each frame kept once, and rebuild the frame stacks at sampling (Mnih et al. 2015, methods).

A million transitions of 84x84 frames take 7.06 GB. Rows are frames in the order in which they came, in one ring for
each environment.
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
    """Hold B transitions, of up to n agent steps each, for one update."""

    states: Tensor  # [B, stack, *frame]
    actions: Tensor  # [B] int64
    rewards: Tensor  # [B, n] float32, as stored; 0 after the end of an episode
    next_states: Tensor  # [B, stack, *frame], after the last of the steps
    steps: Tensor  # [B] int64, number of agent steps of each
    terminated: Tensor  # [B] bool, with the last of the steps
    weights: Tensor | None = None  # [B] of the losses, if sampled by priorities
    rows: Tensor | None = None  # [B] int64, of the replay buffer, if sampled by priorities

    def to(self, device: torch.device) -> TransitionBatch:
        """Copy the tensors to a device, if it is not the CPU that they are on."""
        if device.type == "cpu":
            return self
        return TransitionBatch(**{name: t if t is None else t.to(device) for name, t in vars(self).items()})


class ReplayBuffer:
    """Keep the last `capacity` transitions of several environments.

    A row holds a frame, the action taken on it, its reward and whether the episode terminated. `start` marks the first
    frame of a game; a lost life sets `terminated` too, but starts no game. `final` marks a frame without an action: the
    last one of a truncated game. Transitions have `n_step` steps, fewer where the episode ends before (Sutton 1988;
    Hessel et al. 2018, multi-step learning). With `alpha` they have priorities.

    The system gives the memory as it fills. Frames may be on a GPU, where batches are made without a copy through the
    CPU; all else stays on the CPU, and the samples are the same.

    Raises:
        UserError: the machine has not enough free memory.
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
        num_actions: int = 256,
    ):
        self.rows = -(-capacity // num_envs) + stack + n_step - 1
        self.num_envs, self.stack, self.n_step = num_envs, stack, n_step
        frame_bytes = int(np.prod(frame_shape)) * dtype.itemsize
        needed = self.rows * num_envs * (frame_bytes + 8 + 8 * (alpha is not None))
        require_memory("agent.replay_capacity", capacity, needed, device)
        self.frames = torch.empty((num_envs * self.rows, *frame_shape), dtype=dtype, device=device)
        # numbers of rows and what is small are in NumPy, which has less overhead than torch
        self.actions = np.zeros(num_envs * self.rows, dtype=np.uint8 if num_actions <= 256 else np.int64)
        self.rewards = np.zeros(num_envs * self.rows, dtype=np.float32)
        self.terminated, self.start, self.final = np.zeros((3, num_envs * self.rows), dtype=bool)
        self.priorities = None if alpha is None else PrioritizedSampler(num_envs * self.rows, alpha)
        self.added = np.zeros(num_envs, dtype=np.int64)  # rows ever added
        self.envs = np.arange(num_envs)
        self.offsets = np.arange(-stack + 1, n_step + 1)  # rows of a window, from the sampled one

    def __len__(self) -> int:
        return int(np.minimum(self.added, self.rows).sum())

    def add(
        self, frames: np.ndarray, actions: np.ndarray, rewards: np.ndarray, terminated: np.ndarray, start: np.ndarray
    ) -> None:
        """Store a step of each environment: frames [N, *frame], actions, rewards and flags, all [N]."""
        self._append(self.envs, frames, actions, rewards, terminated, start, final=False)

    def add_final(self, envs: np.ndarray, frames: np.ndarray) -> None:
        """Store the last frames of truncated games, so that their value can be bootstrapped.

        Args:
            envs: [K] indices of the environments.
            frames: [K, *frame].
        """
        self._append(envs, frames, 0, 0.0, False, False, final=True)

    def _append(self, envs, frames, actions, rewards, terminated, start, final) -> None:
        rows = envs * self.rows + self.added[envs] % self.rows
        if self.frames.is_cpu:
            array = self.frames.numpy()
            for row, frame in zip(rows, frames, strict=True):  # quicker than all at once, which copies pixel by pixel
                array[row] = frame
        else:
            self.frames[torch.from_numpy(rows).to(self.frames.device)] = torch.from_numpy(frames).to(self.frames.device)
        self.actions[rows], self.rewards[rows], self.terminated[rows] = actions, rewards, terminated
        self.start[rows], self.final[rows] = start, final
        self.added[envs] += 1
        if self.priorities:
            self._update_priorities(envs)

    def _update_priorities(self, envs: np.ndarray) -> None:
        """Add the transitions that a new row completes, and remove those whose stack lost a frame to it."""
        filled = np.minimum(self.added[envs], self.rows)
        new, whole, broken = (
            envs * self.rows + (self.added[envs] - 1 - age) % self.rows
            for age in (0, self.n_step, filled - self.stack + 1)
        )
        self.priorities.remove(torch.from_numpy(np.concatenate((new, broken))))
        whole = whole[filled >= self.stack + self.n_step]
        self.priorities.add(torch.from_numpy(whole[~self.final[whole]]))

    def sample(self, size: int, generator: torch.Generator, beta: float | None = None) -> TransitionBatch:
        """Sample `size` transitions with replacement.

        Each one comes from a window of consecutive rows, here of stack = 4 and n_step = 3; t is the sampled row:

            offsets       -3  -2  -1   0  +1  +2  +3
            states       [t-3 t-2 t-1  t]                the stack at t
            state_rows               [ t  t+1 t+2]       rows of the actions and rewards
            next_rows                    [t+1 t+2 t+3]   newest rows of the states that these lead to
            next_states  [t-3 t-2 t-1  t  t+1 t+2 t+3]   the stack of 4 that ends at t + steps

        An episode that ends within the window cuts `steps` short; `within_episode` marks the steps up to its end.

        Args:
            size: B.
            generator: on the CPU.
            beta: exponent of the importance-sampling weights; None samples uniformly.

        Raises:
            ValueError: too few rows.
        """
        least = self.num_envs * (2 * self.stack + self.n_step - 1)
        if len(self) < least:
            raise ValueError(f"expected at least {least} rows to sample from, got {len(self)}.")
        rows = self._draw(size, generator) if beta is None else self.priorities.sample(size, generator).numpy()
        row = rows[:, None] % self.rows
        window = rows[:, None] - row + (row + self.offsets) % self.rows  # [B, stack + n]
        steps, rewards, terminated = self._outcomes(window)
        after = steps[:, None] + np.arange(self.stack)  # columns of the next states
        states, next_states = self._stacks(window[:, : self.stack], np.take_along_axis(window, after, 1))
        return TransitionBatch(
            states=states,
            actions=torch.from_numpy(self.actions[rows].astype(np.int64)),
            rewards=torch.from_numpy(rewards),
            next_states=next_states,
            steps=torch.from_numpy(steps),
            terminated=torch.from_numpy(terminated),
            weights=None if beta is None else self.priorities.weights(torch.from_numpy(rows), beta),
            rows=None if beta is None else torch.from_numpy(rows),
        )

    def _outcomes(self, window: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return steps [B], rewards [B, n], 0 after an end, and terminated [B] of windows of rows [B, stack + n]."""
        state_rows, next_rows = window[:, self.stack - 1 : -1], window[:, self.stack :]  # [B, n]
        terminated, rewards = self.terminated[state_rows], self.rewards[state_rows]
        if self.n_step == 1:
            return np.ones(len(window), dtype=np.int64), rewards, terminated[:, 0]
        ends = terminated | self.final[next_rows]
        within_episode = ends.cumsum(1) - ends == 0
        return within_episode.sum(1), rewards * within_episode, (terminated & within_episode).any(1)

    def _stacks(self, *stacks: np.ndarray) -> list[Tensor]:
        """Return the frames of rows [B, stack] as [B, stack, *frame] each, those of older games as zeros."""
        # index_select copies whole rows, where indexing would copy pixel by pixel
        rows = np.stack(stacks)
        frames = self.frames.index_select(0, torch.from_numpy(rows.ravel()).to(self.frames.device))
        if self.stack > 1:
            start = self.start[rows]
            later = start[..., ::-1].cumsum(-1)[..., ::-1] - start > 0  # a game starts after the frame
            older = np.flatnonzero(later)
            if len(older):
                frames[torch.from_numpy(older).to(frames.device)] = 0
        return list(frames.view(*rows.shape, *self.frames.shape[1:]))

    def _draw(self, size: int, generator: torch.Generator) -> np.ndarray:
        """Draw `size` rows with a whole transition, uniformly, [size]."""
        filled = np.minimum(self.added, self.rows)
        ends = filled.cumsum()
        drawn: list[np.ndarray] = []
        while sum(map(len, drawn)) < size:
            pick = torch.randint(int(ends[-1]), (size,), generator=generator).numpy()
            env = ends.searchsorted(pick, side="right") if self.num_envs > 1 else 0
            row = pick - (ends - filled)[env]
            age = (self.added[env] - 1 - row) % self.rows
            # the next frames are stored, and so are the older ones of the stack
            whole = (age >= self.n_step) & (age <= filled[env] - self.stack)
            rows = env * self.rows + row
            drawn.append(rows[whole & ~self.final[rows]])
        return np.concatenate(drawn)[:size]

    def state_dict(self) -> dict:
        """Return all rows, with compressed frames."""
        frames = [compress(self.frames[rows]) for rows in self._filled()]
        small = ("actions", "rewards", "terminated", "start", "final")
        values: dict = {name: [torch.tensor(getattr(self, name)[rows]) for rows in self._filled()] for name in small}
        if self.priorities:
            values["priorities"] = self.priorities.state_dict()
        return {"added": self.added.tolist(), "frames": frames, **values}

    def load_state_dict(self, state: dict) -> None:
        """Restore the rows of a replay buffer of the same capacity and number of environments."""
        self.added = np.array(state["added"])
        for env, rows in enumerate(self._filled()):
            decompress(state["frames"][env], self.frames[rows])
            for name in ("actions", "rewards", "terminated", "start", "final"):
                getattr(self, name)[rows] = state[name][env].numpy()
        if self.priorities:
            self.priorities.load_state_dict(state["priorities"])

    def _filled(self) -> list[slice]:
        """Return the rows of each environment that are in use."""
        first = [env * self.rows for env in range(self.num_envs)]
        return [slice(f, f + min(int(added), self.rows)) for f, added in zip(first, self.added, strict=True)]
