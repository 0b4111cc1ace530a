"""What a user may bring, each of a class of their own: an agent, an environment, two networks and an activation."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from rrn.agents.base import Agent, adam
from rrn.agents.learner import Learner
from rrn.common.animation import Video
from rrn.config import AgentConfig, EnvConfig, setting
from rrn.envs import Episode, VectorEnv
from rrn.networks.base import Network
from rrn.networks.build import make_network


class Wave(nn.Module):
    """x + sin(frequency x)^2 / frequency."""

    def __init__(self, frequency: float = 1.0):
        super().__init__()
        self.frequency = nn.Parameter(torch.tensor(frequency))

    def forward(self, x):
        return x + torch.sin(self.frequency * x) ** 2 / self.frequency


class Narrow(Network):
    """One hidden layer of 8."""

    widths = (8,)

    def build_layers(self, frame_shape, stack, activations):
        layers = {"flatten": nn.Flatten(), "hidden1": nn.Linear(stack * frame_shape[0], 8), "act1": activations[0]}
        return OrderedDict(layers)


class Branches(nn.Module):
    """A residual layer, any module: with activations in a list, and no layer called output."""

    def __init__(self, shape, outputs, activation, width=8):
        super().__init__()
        units, width_after = activation.units(width), activation.width_after(width)
        self.first = nn.Linear(shape[0], units)
        self.acts = nn.ModuleList([activation(width), activation(width)])
        self.inner, self.last = nn.Linear(width_after, units), nn.Linear(width_after, outputs)

    def forward(self, x):
        x = self.first(x)
        return self.last(self.acts[1](x + self.inner(self.acts[0](x))))


@dataclass
class CorridorConfig(EnvConfig):
    """Walk to the right end of a corridor of `length` cells; 1 for the end, -0.01 for each step."""

    envs: ClassVar[str] = "toy:Corridor"
    video: ClassVar[str] = "toy:draw"

    num_envs: int = setting(2, at_least=1)
    clip_rewards: bool = False
    length: int = setting(5, at_least=2, at_most=100, about="cells of the corridor")


class Corridor(VectorEnv):
    frame_shape, frame_type, stack, num_actions = (2,), torch.float32, 1, 2

    def __init__(self, config: CorridorConfig, num_envs: int, seeds: tuple[int, ...], reseed_after: int = 0):
        super().__init__(num_envs, seeds)
        self.length = config.length
        self.cells, self.steps = np.zeros((2, num_envs), dtype=int)
        self.reset()

    def _shown(self) -> np.ndarray:
        share = self.cells / (self.length - 1)
        return np.stack((share, 1 - share), 1)[:, None].astype(np.float32)

    def reset_rows(self, rows: np.ndarray, seeds: list[int]) -> np.ndarray:
        self.steps[rows] = 0
        self.cells[rows] = [seed % (self.length - 1) for seed in seeds]
        return self._shown()

    def step_rows(self, actions):
        self.cells = np.clip(self.cells + np.where(actions == 1, 1, -1), 0, self.length - 1)
        self.steps += 1
        arrived = self.cells == self.length - 1
        late = ~arrived & (self.steps >= 20)
        return self._shown(), np.where(arrived, 1, -0.01).astype(np.float32), arrived, late, arrived | late


def draw(config: CorridorConfig, episode: Episode) -> Video:
    """Show the corridor as a row of squares, the walker in white; two steps a second."""

    def frames():
        copy = Corridor(config, 1, (0,))
        shown = copy.reset_rows(np.array([True]), [episode.seed])
        for action in [None, *episode.actions]:
            if action is not None:
                shown = copy.step_rows(np.array([action]))[0]
            row = np.full((16, 16 * config.length, 3), 64, np.uint8)
            cell = round(shown[0, 0, 0].item() * (config.length - 1))
            row[:, 16 * cell : 16 * cell + 16] = 255
            yield row

    return Video(frames(), 2)


@dataclass
class OneStepConfig(AgentConfig):
    """Q-learning on the last step alone."""

    build: ClassVar[str] = "toy"
    smoke: ClassVar[dict] = {"agent.epsilon": 0.5}

    gamma: float = setting(0.9, at_least=0, at_most=1)
    learning_rate: float = setting(0.01, above=0)
    epsilon: float = setting(0.2, at_least=0, at_most=1)


class OneStep(Agent):
    def select_actions(self, observations, generator):
        values = self.network(observations)
        return values.argmax(1), values.amax(1)


class OneStepLearner(Learner):
    def __init__(self, config: OneStepConfig, agent: OneStep, games: VectorEnv):
        super().__init__()
        self.config, self.agent, self.games, self.steps_per_call = config, agent, games, games.num_envs

    def training_step(self, step, measure):
        before = torch.from_numpy(self.games.observations)
        actions = self.agent.act(before.numpy(), self.config.epsilon)
        after = self.games.step(actions)
        with torch.no_grad():
            following = self.agent.network(torch.from_numpy(after.observations)).amax(1)
            goes_on = torch.from_numpy(~(after.terminated | after.truncated)).float()
            targets = torch.from_numpy(after.rewards) + self.config.gamma * goes_on * following
        values = self.agent.network(before).gather(1, torch.from_numpy(actions)[:, None]).squeeze(1)
        loss = nn.functional.mse_loss(values, targets)
        self.log_values({"loss": loss.item()} | self.agent.optimizer_step(loss, None, measure))
        return after.episodes

    def sample_observations(self, number, generator):
        rows = torch.randint(self.games.num_envs, (number,), generator=generator)
        return torch.from_numpy(self.games.observations)[rows]


def make_agent(config, games, device):
    network = make_network(config, games.frame_shape, games.stack, games.num_actions).to(device)
    optimiser = adam(network, config.agent.learning_rate, 1e-8, None)
    return OneStep(network, optimiser, games.num_actions, config.seed)


def make_learner(config, agent, games):
    return OneStepLearner(config.agent, agent, games)


class Pixels(nn.Module):
    """A residual convolution, with activations in a list."""

    def __init__(self, shape, outputs, activation):
        super().__init__()
        units, width_after = activation.units(8), activation.width_after(8)
        self.first = nn.Conv2d(shape[0], units, 3, padding=1)
        self.acts = nn.ModuleList([activation(8) for _ in range(2)])
        self.inner = nn.Conv2d(width_after, units, 3, padding=1)
        self.hidden = nn.Linear(width_after * shape[1] * shape[2], activation.units(16))
        self.top = nn.Sequential(activation(16), nn.Linear(activation.width_after(16), outputs))

    def forward(self, x):
        x = self.first(x)
        x = self.acts[1](x + self.inner(self.acts[0](x)))
        return self.top(self.hidden(x.flatten(1)))


class Deaf(nn.Linear):
    """A network without an activation."""

    def __init__(self, shape, outputs, activation):
        super().__init__(shape[0], outputs)


class Hiding(nn.Module):
    """A network whose activation is in a list that torch does not look into."""

    def __init__(self, shape, outputs, activation):
        super().__init__()
        self.first, self.acts, self.last = nn.Linear(shape[0], 8), [activation(8)], nn.Linear(8, outputs)

    def forward(self, x):
        return self.last(self.acts[0](self.first(x)))
