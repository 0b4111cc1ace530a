"""Settings of the agents of Stable-Baselines3, agent=sb3_dqn and agent=sb3_ppo. The defaults are in conf/agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rrn.config.agent import AGENTS, AgentConfig
from rrn.config.settings import LARGE, STEPS, require, setting

if TYPE_CHECKING:
    from rrn.config.env import EnvConfig
    from rrn.config.schema import Config


@dataclass
class SB3DQNConfig(AgentConfig):
    """Settings of agent=sb3_dqn: arguments of stable_baselines3.DQN, under their names there."""

    build: ClassVar[str] = "rrn.agents.sb3.build"
    builds_network: ClassVar[bool] = True
    packages: ClassVar[tuple[str, ...]] = ("stable-baselines3",)
    smoke: ClassVar[dict[str, Any]] = {
        "agent.buffer_size": 2000,
        "agent.learning_starts": 300,
        "agent.train_freq": 4,
        "agent.gradient_steps": 1,
        "agent.target_update_interval": 100,
    }

    learning_rate: float = setting(above=0, at_most=LARGE, about="learning rate of Adam")
    buffer_size: int = setting(at_least=1, at_most=STEPS, about="transitions that the replay buffer holds")
    learning_starts: int = setting(
        at_least=1, at_most=STEPS, about="random agent steps before the first training step, not counted in steps"
    )
    batch_size: int = setting(at_least=1, at_most=10**6, about="transitions of an update")
    tau: float = setting(at_least=0, at_most=1, about="share of the new weights in an update of the target network")
    train_freq: int = setting(at_least=1, at_most=STEPS, about="steps of each environment between updates")
    gradient_steps: int = setting(
        at_most=10**6, about="gradient steps of an update, 1 or more; -1: one for each step since the last update"
    )
    target_update_interval: int = setting(
        at_least=1, at_most=STEPS, about="agent steps between updates of the target network"
    )
    exploration_fraction: float = setting(at_least=0, at_most=1, about="part of the run over which epsilon falls")
    exploration_initial_eps: float = setting(at_least=0, at_most=1, about="probability of a random action at first")
    exploration_final_eps: float = setting(at_least=0, at_most=1, about="probability of a random action after that")
    max_grad_norm: float = setting(above=0, at_most=LARGE, about="clip gradients to this norm")

    def check(self, config: Config) -> None:
        repeats = self.gradient_steps
        expected = "1 or more, or -1 for one each step"
        require(repeats == -1 or repeats >= 1, "agent.gradient_steps", expected, repeats)

    def frames_kept(self, env: EnvConfig) -> int:
        return self.buffer_size * 2 * env.stack_frames  # stable-baselines3 keeps stacks, of both observations


@dataclass
class SB3PPOConfig(AgentConfig):
    """Settings of agent=sb3_ppo: arguments of stable_baselines3.PPO, under their names there, and `anneal`."""

    build: ClassVar[str] = "rrn.agents.sb3.build"
    builds_network: ClassVar[bool] = True
    packages: ClassVar[tuple[str, ...]] = ("stable-baselines3",)
    smoke: ClassVar[dict[str, Any]] = {
        "env.num_envs": 2,
        "evaluation.epsilon": 0.0,
        "agent.n_steps": 25,
        "agent.n_epochs": 2,
        "agent.batch_size": 10,
    }

    learning_rate: float = setting(above=0, at_most=LARGE, about="learning rate of Adam")
    anneal: bool = setting(about="learning_rate and clip_range fall linearly to 0 over steps")
    n_steps: int = setting(at_least=1, at_most=STEPS, about="agent steps of each environment between updates")
    batch_size: int = setting(at_least=1, at_most=10**6, about="agent steps of a minibatch")
    n_epochs: int = setting(at_least=1, at_most=10_000, about="passes over each rollout")
    gae_lambda: float = setting(at_least=0, at_most=1, about="lambda of the advantage estimate")
    clip_range: float = setting(above=0, at_most=10**6, about="range of the ratio of probabilities around 1")
    clip_range_vf: float | None = setting(
        above=0, at_most=10**6, about="clip the change of the value by this; null: no clipping"
    )
    normalize_advantage: bool = setting(about="normalise the advantages in each minibatch")
    ent_coef: float = setting(at_least=0, at_most=10**6, about="weight of the entropy bonus")
    vf_coef: float = setting(at_least=0, at_most=10**6, about="weight of the squared error of the value")
    max_grad_norm: float = setting(above=0, at_most=LARGE, about="clip gradients to this norm")


AGENTS["sb3_dqn"] = SB3DQNConfig  # in the table of the file that this one builds on
AGENTS["sb3_ppo"] = SB3PPOConfig
