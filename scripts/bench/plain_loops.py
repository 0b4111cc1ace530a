"""PPO and DQN for vectors in plain torch, after the algorithms of CleanRL's ppo.py and dqn.py (Huang et al. 2022).

As there: a SyncVectorEnv with RecordEpisodeStatistics, separate networks for policy and value, torch's Categorical and
Adam; for DQN one environment and the replay buffer of stable-baselines3, and the mean squared error. Other than there,
DQN clips gradients, as those that it is compared with do. There are no records of a run, which those files write to
TensorBoard.
"""

from __future__ import annotations

import random

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import RecordEpisodeStatistics
from stable_baselines3.common.buffers import ReplayBuffer
from torch import nn
from torch.distributions import Categorical
from torch.nn import functional as F


def copies_of(env_id: str, number: int) -> SyncVectorEnv:
    """Copies of an environment, which show the first observation of the next episode where one ends."""
    makers = [lambda: RecordEpisodeStatistics(gymnasium.make(env_id))] * number
    return SyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP)


def mlp(inputs: int, widths: tuple[int, ...], outputs: int) -> nn.Sequential:
    """A fully connected network with ReLUs."""
    sizes, layers = [inputs, *widths], []
    for into, out in zip(sizes, widths, strict=False):
        layers += [nn.Linear(into, out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))


class PlainPPO:
    """PPO with the settings of an agent=ppo of ours, and of its networks' widths."""

    def __init__(self, env_id: str, num_envs: int, widths: tuple[int, ...], settings: dict):
        torch.manual_seed(0)
        self.settings, self.envs, self.random = settings, copies_of(env_id, num_envs), np.random.default_rng(0)
        inputs, actions = self.envs.single_observation_space.shape[0], int(self.envs.single_action_space.n)
        self.policy, self.value = mlp(inputs, widths, actions), mlp(inputs, widths, 1)
        self.parameters = [*self.policy.parameters(), *self.value.parameters()]
        self.optimiser = torch.optim.Adam(self.parameters, lr=settings["learning_rate"], eps=1e-5)
        shape = (settings["rollout"], num_envs)
        self.observations = torch.zeros(*shape, inputs)
        self.actions, self.log_probs, self.rewards, self.dones, self.values = torch.zeros(5, *shape)
        self.shown, self.done = torch.Tensor(self.envs.reset(seed=0)[0]), torch.zeros(num_envs)

    def training_step(self, steps: int) -> int:
        """Train for some agent steps; how many they were."""
        taken = 0
        while taken < steps:
            self._collect()
            self._update()
            taken += self.actions.numel()
        return taken

    def _judge(self, observations, actions=None):
        policy = Categorical(logits=self.policy(observations))
        if actions is None:
            actions = policy.sample()
        return actions, policy.log_prob(actions), policy.entropy(), self.value(observations)

    def _collect(self) -> None:
        for t in range(self.settings["rollout"]):
            self.observations[t], self.dones[t] = self.shown, self.done
            with torch.no_grad():
                actions, log_probs, _, values = self._judge(self.shown)
            self.actions[t], self.log_probs[t], self.values[t] = actions, log_probs, values.flatten()
            shown, rewards, terminated, truncated, _ = self.envs.step(actions.numpy())
            self.rewards[t] = torch.tensor(rewards)
            self.shown, self.done = torch.Tensor(shown), torch.Tensor(np.logical_or(terminated, truncated))

    @torch.no_grad()
    def _advantages(self) -> torch.Tensor:
        gamma, decay = self.settings["gamma"], self.settings["gamma"] * self.settings["gae_lambda"]
        advantages, last = torch.zeros_like(self.rewards), 0
        next_values, goes_on = self.value(self.shown).flatten(), 1 - self.done
        for t in reversed(range(len(self.rewards))):
            delta = self.rewards[t] + gamma * next_values * goes_on - self.values[t]
            advantages[t] = last = delta + decay * goes_on * last
            next_values, goes_on = self.values[t], 1 - self.dones[t]
        return advantages

    def _update(self) -> None:
        advantages = self._advantages()
        returns, clip, clipped = (advantages + self.values).flatten(), self.settings["clip"], []
        advantages, observations = advantages.flatten(), self.observations.flatten(0, 1)
        log_probs, actions = self.log_probs.flatten(), self.actions.flatten()
        order = np.arange(len(returns))
        for _ in range(self.settings["epochs"]):
            self.random.shuffle(order)
            for first in range(0, len(order), self.settings["batch_size"]):
                rows = order[first : first + self.settings["batch_size"]]
                _, log_prob, entropy, values = self._judge(observations[rows], actions.long()[rows])
                log_ratio = log_prob - log_probs[rows]
                ratio = log_ratio.exp()
                with torch.no_grad():
                    self.kl = (ratio - 1 - log_ratio).mean()
                    clipped.append(((ratio - 1).abs() > clip).float().mean().item())
                scaled = advantages[rows]
                scaled = (scaled - scaled.mean()) / (scaled.std() + 1e-8)
                policy_loss = torch.max(-scaled * ratio, -scaled * ratio.clamp(1 - clip, 1 + clip)).mean()
                value_loss = 0.5 * ((values.view(-1) - returns[rows]) ** 2).mean()
                loss = policy_loss - self.settings["entropy_coef"] * entropy.mean() + 0.5 * value_loss
                self.optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.parameters, 0.5)
                self.optimiser.step()


class PlainDQN:
    """DQN with the settings of an agent=dqn of ours; with a probability of epsilon, an action is random."""

    def __init__(self, env_id: str, widths: tuple[int, ...], settings: dict, epsilon: float):
        torch.manual_seed(0)
        self.settings, self.epsilon, self.envs, self.step = settings, epsilon, copies_of(env_id, 1), 0
        observations, actions = self.envs.single_observation_space, self.envs.single_action_space
        self.network, self.target = (mlp(observations.shape[0], widths, int(actions.n)) for _ in range(2))
        self.target.load_state_dict(self.network.state_dict())
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=settings["learning_rate"])
        capacity = settings["replay_capacity"]
        self.replay = ReplayBuffer(capacity, observations, actions, "cpu", handle_timeout_termination=False)
        self.shown, _ = self.envs.reset(seed=0)
        self.training_step(settings["warmup"])

    def training_step(self, steps: int) -> int:
        """Train for some agent steps; how many they were."""
        for _ in range(steps):
            self._play()
            self.step += 1
            if self.step > self.settings["warmup"]:
                if self.step % self.settings["train_every"] == 0:
                    self._update()
                if self.step % self.settings["target_every"] == 0:
                    for theirs, ours in zip(self.target.parameters(), self.network.parameters(), strict=True):
                        theirs.data.copy_(ours.data)
        return steps

    def _play(self) -> None:
        if random.random() < self.epsilon:
            actions = np.array([self.envs.single_action_space.sample()])
        else:
            actions = torch.argmax(self.network(torch.Tensor(self.shown)), dim=1).numpy()
        shown, rewards, terminated, truncated, infos = self.envs.step(actions)
        last = shown.copy()
        if truncated[0] or terminated[0]:
            last[0] = infos["final_obs"][0]
        self.replay.add(self.shown, last, actions, rewards, terminated, [infos])
        self.shown = shown

    def _update(self) -> None:
        batch = self.replay.sample(self.settings["batch_size"])
        with torch.no_grad():
            best = self.target(batch.next_observations).max(dim=1).values
            targets = batch.rewards.flatten() + self.settings["gamma"] * best * (1 - batch.dones.flatten())
        values = self.network(batch.observations).gather(1, batch.actions).squeeze()
        loss = F.mse_loss(targets, values)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings["max_grad_norm"])
        self.optimiser.step()
