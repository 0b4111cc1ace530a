"""Environments of Gymnasium as a user may have them: good ones, and ones with each fault."""

from __future__ import annotations

import random

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import FlattenObservation


class Count(gymnasium.Env):
    """Show the number of steps so far; reward 1 each; action 1 ends the episode, and the registry cuts it off at 5."""

    observation_space = spaces.Box(-1, 1000, (1,), np.float32)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self._shown(), {}

    def _shown(self):
        return np.array([self.steps], dtype=np.float32)

    def step(self, action):
        self.steps += 1
        return self._shown(), 1.0, bool(action == 1), False, {}


class Seeded(Count):
    """Add to each number one that is drawn from the generator of the episode."""

    observation_space = spaces.Box(-100, 1000, (3,), np.float32)

    def _shown(self):
        return np.append(self.np_random.normal(size=2), self.steps).astype(np.float32)


class Unseeded(Seeded):
    """Draw from Python's own generator, which no seed sets."""

    def _shown(self):
        return np.array([random.random(), 0, self.steps], dtype=np.float32)


class Pixels(Seeded):
    """Show a dot on a colour image, height 40, width 48, which is drawn too."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012
    observation_space = spaces.Box(0, 255, (40, 48, 3), np.uint8)

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def _shown(self):
        image = np.zeros((40, 48, 3), np.uint8)
        image[self.np_random.integers(40), self.steps % 48] = (255, 128, 1)
        self.image = image
        return image

    def render(self):
        return self.image


class Levers(Seeded):
    """Set three levers: MultiDiscrete actions, numbered from 1, 2 and 3."""

    action_space = spaces.MultiDiscrete([2, 3, 4], start=[1, 2, 3])

    def step(self, action):
        assert self.action_space.contains(action)
        self.steps += 1
        return self._shown(), float(action.sum()), False, False, {}


class Push(Seeded):
    """Push with a force of two numbers, a Box with one finite side."""

    action_space = spaces.Box(np.array([-0.5, -1], np.float32), np.array([0.5, np.inf], np.float32))

    def step(self, action):
        assert self.action_space.contains(action)
        self.steps += 1
        return self._shown(), float(-np.square(action).sum()), False, False, {}


class Parts(Count):
    """Show a dictionary."""

    observation_space = spaces.Dict({"steps": spaces.Box(0, 1000, (1,), np.float32), "door": spaces.Discrete(2)})

    def _shown(self):
        return {"steps": super()._shown(), "door": self.steps % 2}


def flat_parts():
    return FlattenObservation(Parts())


class Faulty(Count):
    """Fail in one way at step 3."""

    def __init__(self, fault="raise"):
        self.fault = fault

    def step(self, action):
        shown, reward, *rest = super().step(0)
        if self.steps == 3:
            if self.fault == "raise":
                raise RuntimeError("the motor is stuck\nsecond line")
            if self.fault == "observation":
                shown = np.array([np.nan], dtype=np.float32)
            if self.fault == "shape":
                shown = np.zeros(2, dtype=np.float32)
            if self.fault == "reward":
                reward = float("nan")
        return shown, reward, *rest


for name, entry in {
    "Count": Count,
    "Seeded": Seeded,
    "Unseeded": Unseeded,
    "Pixels": Pixels,
    "Levers": Levers,
    "Push": Push,
    "Parts": Parts,
    "FlatParts": flat_parts,
    "Faulty": Faulty,
}.items():
    steps = 5 if name == "Count" else 20
    gymnasium.register(f"{name}-v0", entry_point=entry, max_episode_steps=steps)
