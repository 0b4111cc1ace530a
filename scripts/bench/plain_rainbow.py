"""The update of data-efficient Rainbow in plain torch, as a paper's reader writes it: what ours is compared with.

Networks, memory and settings as in agent=der (van Hasselt et al. 2019; Kaixhin/Rainbow's form of the noise, which is
drawn into buffers before each update, one for the two passes of the trained network). The memory is one tensor of
frames and a sum tree in NumPy.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

ATOMS, LOW, HIGH, ACTIONS, STACK, SIZE = 51, -10.0, 10.0, 4, 4, 84


class Noisy(nn.Module):
    """A fully connected layer with factorised noise, kept until `draw`."""

    def __init__(self, inputs: int, outputs: int, sigma: float):
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound))
        self.weight_sigma = nn.Parameter(torch.full((outputs, inputs), sigma * bound))
        self.bias_sigma = nn.Parameter(torch.full((outputs,), sigma / math.sqrt(outputs)))
        self.register_buffer("weight_noise", torch.empty(outputs, inputs))
        self.register_buffer("bias_noise", torch.empty(outputs))
        self.draw()

    def draw(self) -> None:
        into, out = (torch.randn(size) for size in reversed(self.weight.shape))
        into, out = (z.sign() * z.abs().sqrt() for z in (into, out))
        self.weight_noise.copy_(out.outer(into))
        self.bias_noise.copy_(out)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight + self.weight_sigma * self.weight_noise
        return F.linear(x, weight, self.bias + self.bias_sigma * self.bias_noise)


class Rainbow(nn.Module):
    """Two convolutions and a dueling head of noisy layers, over distributions."""

    def __init__(self, sigma: float = 0.1):
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(STACK, 32, 5, 5), nn.ReLU(), nn.Conv2d(32, 64, 5, 5), nn.ReLU(), nn.Flatten()
        )
        self.value = nn.Sequential(Noisy(576, 256, sigma), nn.ReLU(), Noisy(256, ATOMS, sigma))
        self.advantages = nn.Sequential(Noisy(576, 256, sigma), nn.ReLU(), Noisy(256, ACTIONS * ATOMS, sigma))

    def draw(self) -> None:
        for module in self.modules():
            if isinstance(module, Noisy):
                module.draw()

    def forward(self, x: Tensor) -> Tensor:
        """Log-probabilities, [B, actions, atoms]."""
        x = self.convolutions(x)
        value, advantages = self.value(x).view(-1, 1, ATOMS), self.advantages(x).view(-1, ACTIONS, ATOMS)
        return F.log_softmax(value + advantages - advantages.mean(1, keepdim=True), dim=2)


class Memory:
    """Frames, actions, rewards and a sum tree of priorities, full of random content."""

    def __init__(self, size: int, n_step: int, gamma: float):
        generator = torch.Generator().manual_seed(0)
        self.size, self.n_step = size, n_step
        self.frames = torch.randint(256, (size, SIZE, SIZE), dtype=torch.uint8, generator=generator)
        self.actions = torch.randint(ACTIONS, (size,), generator=generator)
        self.rewards = torch.randint(-1, 2, (size,), generator=generator).float()
        self.ends = torch.rand(size, generator=generator) < 0.005
        self.first = 2 ** math.ceil(math.log2(size))
        self.tree = np.zeros(2 * self.first, dtype=np.float64)
        self.discounts = gamma ** torch.arange(n_step)
        whole = np.arange(STACK, size - n_step)
        self.update(whole, np.ones(len(whole)))
        self.random = np.random.default_rng(0)

    def update(self, rows: np.ndarray, priorities: np.ndarray) -> None:
        nodes = rows + self.first
        self.tree[nodes] = priorities
        while nodes[0] > 1:
            nodes = np.unique(nodes // 2)
            self.tree[nodes] = self.tree[2 * nodes] + self.tree[2 * nodes + 1]

    def sample(self, number: int, beta: float) -> tuple:
        segment = self.tree[1] / number
        points = (np.arange(number) + self.random.random(number)) * segment
        nodes = np.ones(number, dtype=np.int64)
        while nodes[0] < self.first:
            left = self.tree[2 * nodes]
            right = points >= left
            points = np.where(right, points - left, points)
            nodes = 2 * nodes + right
        rows = nodes - self.first
        weights = torch.from_numpy((self.size * self.tree[nodes] / self.tree[1]) ** -beta).float()
        t = torch.from_numpy(rows)
        window = t[:, None] + torch.arange(-STACK + 1, self.n_step + 1)
        frames = self.frames[window]
        states = frames[:, :STACK].float().div(255)
        next_states = frames[:, self.n_step : self.n_step + STACK].float().div(255)
        steps = t[:, None] + torch.arange(self.n_step)
        alive = (self.ends[steps].cumsum(1) - self.ends[steps].int()) == 0
        returns = (self.rewards[steps] * self.discounts * alive).sum(1)
        going_on = (~self.ends[steps].any(1)).float()
        return rows, states, self.actions[t], returns, next_states, going_on, weights / weights.max()


class PlainRainbow:
    """Updates of the agent on its memory; `training_step` makes some of them."""

    def __init__(self, size: int = 2000, n_step: int = 20):
        torch.manual_seed(0)
        self.memory = Memory(size, n_step, 0.99)
        self.online, self.target = Rainbow(), Rainbow()
        self.target.load_state_dict(self.online.state_dict())
        self.discount = 0.99**n_step
        self.support = torch.linspace(LOW, HIGH, ATOMS)
        self.optimiser = torch.optim.Adam(self.online.parameters(), lr=1e-4, eps=1.5e-4)

    def training_step(self, steps: int) -> int:
        for _ in range(steps):
            self.update()
        return steps

    def update(self) -> None:
        rows, states, actions, returns, next_states, going_on, weights = self.memory.sample(32, 0.4)
        self.online.draw()
        each = torch.arange(len(rows))
        log_p = self.online(states)[each, actions]
        with torch.no_grad():
            best = (self.online(next_states).exp() * self.support).sum(2).argmax(1)
            self.target.draw()
            p = self.target(next_states).exp()[each, best]
            moved = (returns[:, None] + going_on[:, None] * self.discount * self.support).clamp(LOW, HIGH)
            position = (moved - LOW) / ((HIGH - LOW) / (ATOMS - 1))
            below, above = position.floor().long(), position.ceil().long()
            below[(above > 0) & (below == above)] -= 1
            above[(below < ATOMS - 1) & (below == above)] += 1
            offset = (each * ATOMS)[:, None]
            projected = torch.zeros(len(rows) * ATOMS)
            projected.index_add_(0, (below + offset).view(-1), (p * (above.float() - position)).view(-1))
            projected.index_add_(0, (above + offset).view(-1), (p * (position - below.float())).view(-1))
        loss = -(projected.view(-1, ATOMS) * log_p).sum(1)
        self.online.zero_grad()
        (weights * loss).mean().backward()
        nn.utils.clip_grad_norm_(self.online.parameters(), 10.0)
        self.optimiser.step()
        self.memory.update(rows, loss.detach().pow(0.5).numpy())
