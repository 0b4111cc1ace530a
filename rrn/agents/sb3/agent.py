"""Make Stable-Baselines3 agents for rrn's training loop: agent=sb3_dqn and agent=sb3_ppo.

Exploration, replay buffer, rollouts and updates are Stable-Baselines3's; environments, activations, evaluation, log,
shapes and exact resume are rrn's. For use in your own script see rrn/sb3.py.
"""

from __future__ import annotations

import dataclasses
import math

import stable_baselines3
import torch
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.preprocessing import preprocess_obs
from stable_baselines3.common.utils import LinearSchedule
from torch import Tensor

from rrn.agents.base import Agent
from rrn.agents.sb3.vec_env import SB3VecEnv
from rrn.common.device import CPU, require_memory
from rrn.common.errors import UserError
from rrn.config import Config, SB3PPOConfig
from rrn.envs import VectorEnv
from rrn.networks.build import activation_of, in_settings, own_classes_work
from rrn.networks.mlp import VectorNetwork
from rrn.sb3 import policy_kwargs


class SB3Agent(Agent):
    """Act with a Stable-Baselines3 model that has the activations of the configuration.

    Attributes:
        model: the DQN or PPO.

    Raises:
        UserError: Stable-Baselines3 refuses a setting.
    """

    def __init__(self, config: Config, games: VectorEnv, device: torch.device):
        if getattr(config.act, "lr", None) is not None:
            raise UserError("act.lr: stable-baselines3 sets one learning rate for all parameters; leave it out.")
        settings = dataclasses.asdict(config.agent)
        del settings["name"], settings["kind"], settings["target"], settings["from_run"]
        self.on_policy = isinstance(config.agent, SB3PPOConfig)
        if settings.pop("anneal", False):
            for name in ("learning_rate", "clip_range"):
                settings[name] = LinearSchedule(settings[name], 0.0, 1.0)
        env = SB3VecEnv(games, config.env.clip_rewards)
        rows, copies = ("n_steps", games.num_envs) if self.on_policy else ("buffer_size", 2)
        space = env.observation_space
        needed = settings[rows] * copies * (math.prod(space.shape) * space.dtype.itemsize)
        require_memory(f"agent.{rows}", settings[rows], needed, CPU)
        act, options = activation_of(config)
        try:
            made = policy_kwargs(act, hidden=VectorNetwork.widths, **options)
            self.model = getattr(stable_baselines3, "PPO" if self.on_policy else "DQN")(
                "CnnPolicy" if games.frame_type == torch.uint8 else "MlpPolicy",
                env,
                policy_kwargs=made,
                device=device,
                seed=config.seed,
                **settings,
            )
        except ValueError as error:  # of the activations, which are made with the model
            raise UserError(in_settings(str(error), act, options)) from error
        except AssertionError as error:
            raise UserError(f"agent: stable-baselines3 says: {' '.join(str(error).split())}") from error
        self.model.set_logger(Logger(None, []))
        self.policy = self.model.policy if self.on_policy else self.model.q_net
        super().__init__(self.policy.features_extractor, self.model.policy.optimizer, games.num_actions, config.seed)
        with own_classes_work(config):
            self.forward(torch.from_numpy(games.observations))

    def select_actions(self, observations: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Sample actions from PPO's policy, or take those of DQN's largest Q-value; return them and the values."""
        if not self.on_policy:
            q = self.policy(self._seen(observations))
            return q.argmax(1).cpu(), q.amax(1)
        # policy.get_distribution and predict_values would each go through the whole network
        policy_features, value_features = self.policy.mlp_extractor(self.forward(observations))
        try:
            logits = self.policy.action_net(policy_features)
            probabilities = self.policy.action_dist.proba_distribution(logits).distribution.probs.cpu()
            if self.deterministic:
                actions = probabilities.argmax(1)
            else:
                actions = torch.multinomial(probabilities, 1, generator=generator).squeeze(1)
        except (ValueError, RuntimeError) as error:
            explain(error)
            raise
        return actions, self.policy.value_net(value_features).squeeze(1)

    def forward(self, observations: Tensor) -> Tensor:
        """Compute the features [N, features] of observations [N, stack, *frame]."""
        return self.network(preprocess_obs(self._seen(observations), self.policy.observation_space))

    def layers(self) -> dict[str, list[torch.nn.Parameter]]:
        """Return the parameters by layer: of the features extractor, and of the last layers that SB3 adds."""
        policy = self.policy
        last = {"policy": policy.action_net, "value": policy.value_net} if self.on_policy else {"output": policy.q_net}
        return super().layers() | {name: list(layer.parameters()) for name, layer in last.items()}

    def _seen(self, observations: Tensor) -> Tensor:
        return observations.reshape(-1, *self.policy.observation_space.shape).to(self.device)

    def load_weights(self, values: dict[str, Tensor]) -> None:
        super().load_weights(values)
        if not self.on_policy:
            self.model.q_net_target.load_state_dict(self.model.q_net.state_dict())

    def policy_state(self) -> dict:
        return {"policy": self.model.policy.state_dict()}

    def load_policy_state(self, state: dict) -> None:
        self.model.policy.load_state_dict(state["policy"])

    def state_dict(self) -> dict:
        return {**super().state_dict(), "policy": self.model.policy.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        self.model.policy.load_state_dict(state["policy"])


def explain(error: ValueError | RuntimeError) -> None:
    """Raise a UserError if torch's error is about a policy with NaN.

    Torch raises it when the distribution is made or, if dynamo is loaded, when it is sampled from.
    """
    if str(error).startswith(("Expected parameter", "probability tensor contains")):
        raise UserError(
            "the policy is not finite, its network gives NaN or inf; try a smaller agent.learning_rate."
        ) from error
