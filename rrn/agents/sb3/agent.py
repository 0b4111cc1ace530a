"""agent=sb3_dqn and agent=sb3_ppo: the agents of stable-baselines3 in our loop, with our games and activations.

Acting in training, memory and updates are theirs; evaluation, log, shapes and exact resume are ours. rrn/sb3.py has
what a script of one's own needs.
"""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path

import numpy as np
import stable_baselines3
import torch
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.preprocessing import preprocess_obs
from stable_baselines3.common.utils import LinearSchedule
from torch import Tensor

from rrn.agents import activation_options
from rrn.agents.base import Agent
from rrn.agents.compression import compress, decompress
from rrn.agents.learner import Learner
from rrn.agents.sb3.vec_env import SB3Games
from rrn.common.device import CPU, require_memory
from rrn.common.errors import UserError
from rrn.config import Config, SB3PPOConfig
from rrn.envs import Game, VectorGames
from rrn.networks.base import VectorNetwork
from rrn.sb3 import policy_kwargs

MEMORY = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")  # arrays of a replay buffer
COUNTERS = ("num_timesteps", "_n_updates", "_episode_num", "_current_progress_remaining")
COUNTERS_OF_DQN = ("_n_calls", "exploration_rate")


class SB3Agent(Agent):
    """A model of stable-baselines3 with the activations of the configuration.

    Attributes:
        model: the DQN or PPO.

    Raises:
        UserError: a setting that stable-baselines3 has not.
    """

    def __init__(self, config: Config, games: VectorGames, device: torch.device):
        if getattr(config.act, "lr", None) is not None:
            raise UserError("act.lr: stable-baselines3 sets one learning rate for all parameters; leave it out.")
        settings = {key: value for key, value in dataclasses.asdict(config.agent).items() if key != "name"}
        self.on_policy = isinstance(config.agent, SB3PPOConfig)
        if settings.pop("anneal", False):
            for name in ("learning_rate", "clip_range"):
                settings[name] = LinearSchedule(settings[name], 0.0, 1.0)
        env = SB3Games(games, config.env.clip_rewards)
        rows, copies = ("n_steps", games.num_envs) if self.on_policy else ("buffer_size", 2)
        seen = env.observation_space
        needed = settings[rows] * copies * (math.prod(seen.shape) * seen.dtype.itemsize)
        require_memory(f"agent.{rows}", settings[rows], needed, CPU)
        try:
            options = policy_kwargs(config.act.name, hidden=VectorNetwork.widths, **activation_options(config))
            self.model = getattr(stable_baselines3, "PPO" if self.on_policy else "DQN")(
                "CnnPolicy" if len(games.frame_shape) == 2 else "MlpPolicy",
                env,
                policy_kwargs=options,
                device=device,
                seed=config.seed,
                **settings,
            )
        except ValueError as error:  # of our activations, which are made in there
            raise UserError(f"act: {error}") from error
        except AssertionError as error:
            raise UserError(f"agent: stable-baselines3 says: {' '.join(str(error).split())}") from error
        self.model.set_logger(Logger(None, []))
        self.policy = self.model.policy if self.on_policy else self.model.q_net
        super().__init__(self.policy.features_extractor, self.model.policy.optimizer, games.num_actions, config.seed)

    def prefer(self, observations: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Actions drawn from the policy of PPO and its values; those of highest value of DQN, and that value."""
        if not self.on_policy:
            q = self.policy(self._seen(observations))
            return q.argmax(1).cpu(), q.amax(1)
        # policy.get_distribution and predict_values would each go through the whole network
        policy_features, value_features = self.policy.mlp_extractor(self.look(observations))
        try:
            probabilities = self.policy._get_action_dist_from_latent(policy_features).distribution.probs.cpu()
            actions = torch.multinomial(probabilities, 1, generator=generator).squeeze(1)
        except (ValueError, RuntimeError) as error:
            _explain(error)
            raise
        return actions, self.policy.value_net(value_features).squeeze(1)

    def look(self, observations: Tensor) -> Tensor:
        """The features, [N, features]."""
        return self.network(preprocess_obs(self._seen(observations), self.policy.observation_space))

    def layers(self) -> dict[str, list[torch.nn.Parameter]]:
        """Those of the features extractor, and the last layers, which stable-baselines3 adds."""
        policy = self.policy
        last = {"policy": policy.action_net, "value": policy.value_net} if self.on_policy else {"output": policy.q_net}
        return super().layers() | {name: list(layer.parameters()) for name, layer in last.items()}

    def _seen(self, observations: Tensor) -> Tensor:
        return observations.reshape(-1, *self.policy.observation_space.shape).to(self.device)

    def set_weights(self, values: dict[str, Tensor]) -> None:
        super().set_weights(values)
        if not self.on_policy:
            self.model.q_net_target.load_state_dict(self.model.q_net.state_dict())

    def state_dict(self) -> dict:
        return {**super().state_dict(), "policy": self.model.policy.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        self.model.policy.load_state_dict(state["policy"])


def _explain(error: ValueError | RuntimeError) -> None:
    """Raise a UserError for what torch says of a policy with NaN: as it is made or, if dynamo is loaded, drawn from."""
    if str(error).startswith(("Expected parameter", "probability tensor contains")):
        raise UserError(
            "the policy is not finite, its network gives NaN or inf; try a smaller agent.learning_rate."
        ) from error


class SB3Learner(Learner):
    """A model of stable-baselines3 and its games; steps before `learning_starts` prepare it."""

    agent: SB3Agent

    def __init__(self, agent: SB3Agent, games: VectorGames, steps: int):
        super().__init__()
        self.agent, self.games = agent, games
        self.model = agent.model
        self.warmup = 0 if agent.on_policy else self.model.learning_starts
        self.counters = COUNTERS if agent.on_policy else COUNTERS + COUNTERS_OF_DQN
        self.memory = self.model.rollout_buffer if agent.on_policy else self.model.replay_buffer
        self.model._setup_learn(steps + self.warmup)
        self.callback = CallbackList([])
        self.callback.init_callback(self.model)
        self.stride = games.num_envs * (self.model.n_steps if agent.on_policy else self.model.train_freq.frequency)

    @property
    def preparing(self) -> str | None:
        done = self.model.num_timesteps
        return f"random play {done}/{self.warmup}" if done < self.warmup else None

    def prepare(self) -> int:
        self._collect()
        self.model.env.finished = []  # random play is no training
        return self.stride

    def advance(self, step: int, measure: bool) -> list[Game]:
        model = self.model
        try:
            self._collect()
            if self.agent.on_policy:
                model._update_current_progress_remaining(model.num_timesteps, model._total_timesteps)
                model.train()
            else:
                steps = model.gradient_steps if model.gradient_steps >= 0 else self.stride
                model.train(batch_size=model.batch_size, gradient_steps=steps)
        except (ValueError, RuntimeError) as error:
            _explain(error)
            raise
        logged = model.logger.name_to_value
        values = {name.partition("/")[2]: float(logged[name]) for name in logged if name.startswith("train/")}
        if not np.isfinite(values["loss"]):
            raise UserError(f"the loss is not finite at step {step}; try a smaller agent.learning_rate.")
        for schedule in ("n_updates", "learning_rate", "clip_range"):
            values.pop(schedule, None)
        self.measured(values)
        model.logger.dump()
        finished, model.env.finished = model.env.finished, []
        return finished

    def _collect(self) -> None:
        model = self.model
        if self.agent.on_policy:
            model.collect_rollouts(model.env, self.callback, model.rollout_buffer, model.n_steps)
        else:
            model.collect_rollouts(
                model.env,
                self.callback,
                model.train_freq,
                model.replay_buffer,
                learning_starts=model.learning_starts,
            )

    def recent(self, number: int, generator: torch.Generator) -> Tensor:
        seen = self._kept()["observations"]
        if not len(seen):
            return torch.from_numpy(self.games.observations)
        return torch.from_numpy(seen[torch.randint(len(seen), (number,), generator=generator).numpy()])

    def _kept(self) -> dict[str, np.ndarray]:
        """What fills the memory, as views [rows, ...]; of a rollout, which is learned from once, the observations."""
        memory, shape = self.memory, self.model.observation_space.shape
        if self.agent.on_policy:
            return {"observations": memory.observations.reshape(-1, *shape)[: memory.pos * memory.n_envs]}
        rows = memory.buffer_size if memory.full else memory.pos
        arrays = {name: getattr(memory, name)[:rows] for name in MEMORY}
        return {name: array.reshape(-1, *array.shape[2:]) for name, array in arrays.items()}

    def settings(self, step: int) -> dict[str, float]:
        model = self.model
        left = model._current_progress_remaining
        rates = {"learning_rate": model.lr_schedule(left)}
        return rates | (
            {"clip": model.clip_range(left)} if self.agent.on_policy else {"epsilon": model.exploration_rate}
        )

    def note(self, step: int) -> str:
        return "" if self.agent.on_policy else f"eps {self.model.exploration_rate:.2f}"

    def export(self, path: Path) -> None:
        """The model in a zip file, as `stable_baselines3.DQN.load` or `PPO.load` takes it; whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".zip.partial")
        with open(partial, "wb") as file:
            self.model.save(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path.with_suffix(".zip"))

    def state_dict(self) -> dict:
        model, random = self.model, np.random.get_state()  # noqa: NPY002
        return {
            **super().state_dict(),
            "counters": {name: getattr(model, name) for name in self.counters},
            "episode_starts": torch.from_numpy(model._last_episode_starts.copy()),
            "position": (self.memory.pos, self.memory.full),
            "memory": {name: compress(torch.from_numpy(array)) for name, array in self._kept().items()},
            "numpy": [random[0], torch.from_numpy(random[1].astype(np.int64)), *random[2:]],
            "action_space": model.action_space.np_random.bit_generator.state,
        }

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        model = self.model
        for name, value in state["counters"].items():
            setattr(model, name, value)
        model._last_obs = model.env.reset()
        model._last_episode_starts = state["episode_starts"].numpy()
        self.memory.pos, self.memory.full = state["position"]
        for name, array in self._kept().items():
            decompress(state["memory"][name], torch.from_numpy(array))
        kind, words, *rest = state["numpy"]
        np.random.set_state((kind, words.numpy().astype(np.uint32), *rest))  # noqa: NPY002
        model.action_space.np_random.bit_generator.state = state["action_space"]
