"""Types of the configuration. The defaults stand in the YAML files of conf/, the composing in compose.py."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from rrn.common.numbers import read_whole


@dataclass
class AgentConfig:
    """What every agent has."""

    name: str = MISSING


@dataclass
class DQNConfig(AgentConfig):
    """agent=dqn, and what is DQN with other switches: agent=ddqn."""

    double: bool = MISSING  # choose the next action with the online network (van Hasselt et al. 2016)
    learning_rate: float = MISSING  # of Adam
    adam_eps: float = MISSING
    gamma: float = MISSING  # discount
    batch_size: int = MISSING
    train_every: int = MISSING  # agent steps per update
    target_every: int = MISSING  # agent steps between copies to the target network
    warmup: int = MISSING  # random agent steps before the first training step, not counted in `steps`
    replay_capacity: int = MISSING  # transitions
    epsilon_start: float = MISSING
    epsilon_end: float = MISSING
    epsilon_steps: int = MISSING  # agent steps over which epsilon falls
    max_grad_norm: float | None = MISSING  # null: no clipping
    # with defaults here, for the folders of runs that were made before there were these
    dueling: bool = False  # the value of the state and advantages of the actions (Wang et al. 2016)
    n_step: int = 1  # agent steps from a state to the one whose value is its aim (Hessel et al. 2018)
    distributional: bool = False  # learn distributions of returns, C51 (Bellemare et al. 2017)
    atoms: int = 51  # of such a distribution
    value_range: list[float] = field(default_factory=lambda: [-10.0, 10.0])  # returns at its first and last atom
    prioritised: bool = False  # draw transitions by their errors (Schaul et al. 2016)
    priority_alpha: float = 0.6  # how far errors count
    priority_beta: float = 0.4  # how far weights of the losses make up for that, at the start; 1 at the end
    priority_beta_steps: int = 1500000  # agent steps over which it rises
    noisy: bool = False  # explore by learned noise on the weights in place of epsilon (Fortunato et al. 2018)
    compile: bool = False  # the loss by torch.compile, on a GPU as a CUDA graph; equal to rounding
    replay_on_device: bool = False  # keep the frames of the memory on the GPU; the same results


@dataclass
class PPOConfig(AgentConfig):
    """agent=ppo."""

    learning_rate: float = MISSING  # of Adam
    anneal: bool = MISSING  # learning rate and clip range fall to 0 in a line over `steps`
    adam_eps: float = MISSING
    gamma: float = MISSING  # discount
    gae_lambda: float = MISSING  # of the advantage estimate
    rollout: int = MISSING  # agent steps of each environment between updates
    epochs: int = MISSING  # times that a rollout is gone through
    batch_size: int = MISSING  # agent steps of a minibatch
    clip: float = MISSING  # range of the ratio of probabilities around 1
    clip_value: bool = MISSING  # clip the change of the value in the same way
    normalise_advantages: bool = MISSING  # in each minibatch
    entropy_coef: float = MISSING  # weight of the entropy bonus
    value_coef: float = MISSING  # weight of the squared error of the value
    max_grad_norm: float | None = MISSING  # null: no clipping


@dataclass
class SB3DQNConfig(AgentConfig):
    """agent=sb3_dqn: arguments of stable_baselines3.DQN, under their names there."""

    learning_rate: float = MISSING
    buffer_size: int = MISSING
    learning_starts: int = MISSING  # random agent steps before the first training step, not counted in `steps`
    batch_size: int = MISSING
    tau: float = MISSING
    gamma: float = MISSING
    train_freq: int = MISSING  # steps of each environment between updates
    gradient_steps: int = MISSING
    target_update_interval: int = MISSING
    exploration_fraction: float = MISSING
    exploration_initial_eps: float = MISSING
    exploration_final_eps: float = MISSING
    max_grad_norm: float = MISSING


@dataclass
class SB3PPOConfig(AgentConfig):
    """agent=sb3_ppo: arguments of stable_baselines3.PPO, under their names there, and `anneal`."""

    learning_rate: float = MISSING
    anneal: bool = MISSING  # learning_rate and clip_range fall to 0 in a line over `steps`
    n_steps: int = MISSING
    batch_size: int = MISSING
    n_epochs: int = MISSING
    gamma: float = MISSING
    gae_lambda: float = MISSING
    clip_range: float = MISSING
    clip_range_vf: float | None = MISSING
    normalize_advantage: bool = MISSING
    ent_coef: float = MISSING
    vf_coef: float = MISSING
    max_grad_norm: float = MISSING


@dataclass
class EnvConfig:
    """What every environment has."""

    name: str = MISSING
    kind: str = MISSING  # atari, minatar or cartpole
    num_envs: int = MISSING  # copies that step together
    clip_rewards: bool = MISSING  # to [-1, 1], for learning only


@dataclass
class AtariConfig(EnvConfig):
    """env=<one of the Atari games>."""

    frame_skip: int = MISSING  # emulator frames per agent step
    sticky_actions: float = MISSING  # probability that the last action is repeated
    max_pool: bool = MISSING  # maximum over the last two frames
    noop_max: int = MISSING  # most no-ops at the start of a game
    fire: bool = False  # the first action of a game and of each life is FIRE, if the game has it among its own
    life_loss: bool = MISSING  # a lost life ends an episode for learning
    frame_cap: int = MISSING  # emulator frames of a game
    size: int = MISSING  # of the square observation, pixels
    resize: str = "area"  # how a screen shrinks to it; bilinear, as in the paper, keeps more contrast of small things
    stack: int = MISSING  # frames per observation
    overlap: bool = True  # emulate while the agent learns; the same results in less time


@dataclass
class MinAtarConfig(EnvConfig):
    """env=MinAtar-<one of its games>."""

    sticky_actions: float = MISSING  # probability that the last action is repeated
    ramping: bool = MISSING  # the game becomes harder as it goes on
    step_cap: int = MISSING  # agent steps of a game


@dataclass
class CartPoleConfig(EnvConfig):
    """env=CartPole."""


@dataclass
class ActConfig:
    """act=<an activation without options>."""

    name: str = MISSING


@dataclass
class RationalConfig(ActConfig):
    """act=rational, act=recurrent_rational."""

    init: str = MISSING
    version: str = MISSING
    degrees: list[int] = MISSING
    preset: str = MISSING  # which approximation of init
    share: list[int] | None = MISSING  # which places have one rational; null: as the name says
    trainable: bool = MISSING
    train_numerator: bool = MISSING
    train_denominator: bool = MISSING
    lr: float | None = MISSING  # learning rate of the coefficients; null: that of the weights
    # with defaults here, for the folders of runs that were made before there were these
    per: str = "tensor"  # or channel
    delay: str | None = None  # how long the coefficients wait: agent steps, or as 25epochs
    from_run: str | None = None  # `from` on the command line: a run whose rationals these are, frozen


@dataclass
class EvaluationConfig:
    every: int = MISSING  # agent steps of training
    epsilon: float = MISSING
    episodes: int | None = MISSING  # whole games; null: as many as end within `steps`
    steps: int | None = MISSING  # agent steps of one evaluation, one game after the other; null: no limit
    num_envs: int = MISSING  # games at a time, when `episodes` is given


@dataclass
class CheckpointConfig:
    every: int = MISSING  # agent steps of training
    keep: int = MISSING  # how many of the last checkpoints stay


@dataclass
class Config:
    """One run."""

    agent: AgentConfig = field(default_factory=AgentConfig)
    env: EnvConfig = field(default_factory=EnvConfig)
    act: ActConfig = field(default_factory=ActConfig)
    experiment: str = MISSING
    steps: int = MISSING  # agent steps of training
    seed: int = MISSING
    device: str = MISSING  # auto, cpu, cuda or cuda:N
    threads: int | None = MISSING  # of torch on the CPU; null: torch's choice for Atari, 1 for smaller games
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    log_every: int = MISSING  # agent steps of training
    run_dir: str = MISSING
    resume: bool = MISSING


AGENTS = {
    "dqn": DQNConfig,
    "ddqn": DQNConfig,
    "ppo": PPOConfig,
    "sb3_dqn": SB3DQNConfig,
    "sb3_ppo": SB3PPOConfig,
}
ENVS = {"atari": AtariConfig, "minatar": MinAtarConfig, "cartpole": CartPoleConfig}
ACTS = {"rational": RationalConfig, "recurrent_rational": RationalConfig}  # the others have no options


def delay_steps(config: Config) -> int:
    """Agent steps after which the coefficients of rationals begin to learn (act.delay)."""
    number, epochs, _ = (getattr(config.act, "delay", None) or "0").partition("epochs")
    return read_whole(number) * (config.evaluation.every if epochs else 1)


def most_threads(config: Config) -> int:
    """Threads of torch on the CPU that a run may have where `threads` is null.

    The small networks of other games than Atari gain little from a second thread, and lose much with it where another
    program wants the processor too.
    """
    return 4 if isinstance(config.env, AtariConfig) else 1
