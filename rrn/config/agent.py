"""Settings of agents. The defaults are in conf/agent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from omegaconf import MISSING

from rrn.activations.fitting.formula import is_range
from rrn.config.settings import LARGE, STEPS, require, setting

if TYPE_CHECKING:
    from rrn.config.env import EnvConfig
    from rrn.config.schema import Config


@dataclass
class AgentConfig:
    """Settings that every agent has.

    Attributes:
        build: name of the module with make_agent(config, games, device) and make_learner(config, agent, games),
            imported when the agent is chosen.
        smoke: settings of experiment=smoke, by dotted name.
        paper_protocol: it can be trained with experiment=paper and experiment=modern.
        overlaps_env: it uses env.overlap.
        norm: the network.norm that it has where the user sets none.
        network: the network that it has in place of nature where the user sets none; None: nature.
        builds_network: it makes its network itself, and network= is refused.
        action_kinds: action spaces that it can act in, by their names in Gymnasium.
        packages: packages that its scores depend on besides rrn, torch and NumPy, as named on the package index.
        without_effect: settings that nothing reads while another one has a value: (name, value) to their names.
        stackable: several seeds can be trained as one program, see `rrn/training/stacked.py`.
    """

    build: ClassVar[str]
    smoke: ClassVar[dict[str, Any]] = {}
    paper_protocol: ClassVar[bool] = False
    overlaps_env: ClassVar[bool] = False
    norm: ClassVar[str | None] = None
    network: ClassVar[str | None] = None
    builds_network: ClassVar[bool] = False
    action_kinds: ClassVar[tuple[str, ...]] = ("Discrete",)
    packages: ClassVar[tuple[str, ...]] = ()
    without_effect: ClassVar[dict[tuple[str, object], set[str]]] = {}
    stackable: ClassVar[bool] = False

    name: str = MISSING
    kind: str | None = None  # the agent that it is, where a file of the user gives it a name of its own; null: name
    target: str | None = None  # package.module:Class of a class of your own; null: the class that `name` has here
    from_run: str | None = setting(  # `from` on the command line
        None, about="folder of a run, or a file of weights, to begin with the weights of; null: random ones"
    )
    gamma: float = setting(at_least=0, at_most=1, about="discount of later rewards")

    def check(self, config: Config) -> None:
        """Check settings that depend on each other.

        Raises:
            UserError: settings that do not go together.
        """

    def frames_kept(self, env: EnvConfig) -> int:
        """Return the number of frames in its replay buffer; 0 without one."""
        return 0


@dataclass
class DQNConfig(AgentConfig):
    """Settings of DQN and its extensions: agent=dqn, agent=ddqn."""

    build: ClassVar[str] = "rrn.agents.dqn.build"
    smoke: ClassVar[dict[str, Any]] = {
        "agent.batch_size": 32,
        "agent.train_every": 4,
        "agent.target_every": 100,
        "agent.warmup": 300,
        "agent.replay_capacity": 2000,
        "agent.epsilon_end": 0.1,
        "agent.epsilon_steps": 400,
    }
    paper_protocol: ClassVar[bool] = True
    overlaps_env: ClassVar[bool] = True
    without_effect: ClassVar[dict[tuple[str, object], set[str]]] = {
        ("distributional", False): {"atoms", "value_range"},
        ("prioritised", False): {"priority_alpha", "priority_beta", "priority_beta_steps"},
        ("noisy", True): {"epsilon_start", "epsilon_end", "epsilon_steps"},
        ("noisy", False): {"noisy_sigma"},
    }

    double: bool = MISSING  # choose the next action with the online network (van Hasselt et al. 2016)
    learning_rate: float = setting(above=0, at_most=LARGE, about="learning rate of Adam")
    adam_eps: float = setting(above=0, at_most=LARGE, about="epsilon of Adam, in its denominator")
    batch_size: int = setting(at_least=1, at_most=10**6, about="transitions of an update")
    train_every: int = setting(at_least=1, at_most=STEPS, about="agent steps between updates")
    target_every: int = setting(at_least=1, at_most=STEPS, about="agent steps between copies to the target network")
    warmup: int = setting(
        at_least=1, at_most=STEPS, about="random agent steps before the first training step, not counted in steps"
    )
    replay_capacity: int = setting(at_least=1, at_most=STEPS, about="transitions that the replay buffer holds")
    epsilon_start: float = setting(at_least=0, at_most=1, about="probability of a random action at first")
    epsilon_end: float = setting(at_least=0, at_most=1, about="probability of a random action after epsilon_steps")
    epsilon_steps: int = setting(at_least=1, at_most=STEPS, about="agent steps over which epsilon falls")
    max_grad_norm: float | None = setting(
        above=0, at_most=LARGE, about="clip gradients to this norm; null: no clipping"
    )
    # newer than some runs, whose config.yaml lacks them: so with defaults here
    gradient_steps: int = setting(1, at_least=1, at_most=10_000, about="updates every train_every agent steps")
    dueling: bool = setting(
        False, about="learn the value of the state and advantages of the actions (Wang et al. 2016)"
    )
    dueling_hidden: bool = setting(False, about="with a hidden layer of its own for the value and for the advantages")
    n_step: int = setting(
        1,
        at_least=1,
        at_most=10_000,
        about="agent steps from a state to the one bootstrapped from (Hessel et al. 2018)",
    )
    distributional: bool = setting(False, about="learn distributions of returns, C51 (Bellemare et al. 2017)")
    atoms: int = setting(51, at_least=2, at_most=10_000, about="atoms of each distribution")
    value_range: list[float] = field(
        default_factory=lambda: [-10.0, 10.0],
        metadata={"about": "returns at the first and the last atom, from -1e9 to 1e9"},
    )
    prioritised: bool = setting(False, about="draw transitions by their errors (Schaul et al. 2016)")
    priority_alpha: float = setting(0.6, at_least=0, at_most=1, about="exponent of the errors; 0: draw uniformly")
    priority_beta: float = setting(
        0.4, at_least=0, at_most=1, about="exponent of the importance weights at the start; it rises to 1"
    )
    priority_beta_steps: int = setting(
        1500000, at_least=1, at_most=STEPS, about="agent steps over which priority_beta rises"
    )
    noisy: bool = setting(
        False, about="explore by learned noise on the weights in place of epsilon (Fortunato et al. 2018)"
    )
    noisy_sigma: float = setting(0.5, above=0, at_most=100, about="initial size of that noise")
    shift: int = setting(0, at_least=0, at_most=100, about="most pixels by which the observations of an update move")
    intensity: float = setting(0.0, at_least=0, at_most=0.5, about="deviation of a random factor of their pixels")
    compile: bool = setting(
        False, about="compute the loss by torch.compile, on a GPU as a CUDA graph; equal up to rounding"
    )
    replay_on_device: bool = setting(False, about="keep the frames of the replay buffer on the GPU; the same results")

    def check(self, config: Config) -> None:
        least = config.env.num_envs * (2 * config.env.stack_frames + self.n_step - 1)
        for name in ("warmup", "replay_capacity"):
            value = getattr(self, name)
            require(value >= least, f"agent.{name}", f"at least {least}, to sample from", value)
        require(self.dueling or not self.dueling_hidden, "agent.dueling_hidden", "false without dueling", True)
        span = self.value_range
        sensible = is_range(span) and max(map(abs, span)) <= 1e9 and span[1] - span[0] >= 1e-3
        require(sensible, "agent.value_range", "two numbers, the lower one first, such as [-10,10]", span)

    def frames_kept(self, env: EnvConfig) -> int:
        return self.replay_capacity


@dataclass
class Atari100kConfig(DQNConfig):
    """Settings of the variants of DQN whose defaults are those of Atari-100k: agent=drq, agent=der_dopamine."""

    paper_protocol: ClassVar[bool] = False


@dataclass
class DERConfig(Atari100kConfig):
    """Settings of data-efficient Rainbow, with the small network of van Hasselt et al. (2019): agent=der."""

    network: ClassVar[str | None] = "small"


@dataclass
class PPOConfig(AgentConfig):
    """Settings of PPO: agent=ppo."""

    build: ClassVar[str] = "rrn.agents.ppo.build"
    action_kinds: ClassVar[tuple[str, ...]] = ("Discrete", "MultiDiscrete", "Box")
    smoke: ClassVar[dict[str, Any]] = {
        "env.num_envs": 2,
        "evaluation.epsilon": 0.0,
        "agent.rollout": 25,
        "agent.epochs": 2,
        "agent.batch_size": 10,
    }

    learning_rate: float = setting(above=0, at_most=LARGE, about="learning rate of Adam")
    anneal: bool = setting(about="learning_rate and clip fall linearly to 0 over steps")
    adam_eps: float = setting(above=0, at_most=LARGE, about="epsilon of Adam, in its denominator")
    gae_lambda: float = setting(at_least=0, at_most=1, about="lambda of the advantage estimate")
    rollout: int = setting(at_least=1, at_most=STEPS, about="agent steps of each environment between updates")
    epochs: int = setting(at_least=1, at_most=10_000, about="passes over each rollout")
    batch_size: int = setting(at_least=1, at_most=10**6, about="agent steps of a minibatch")
    clip: float = setting(above=0, at_most=10**6, about="range of the ratio of probabilities around 1")
    clip_value: bool = setting(about="clip the change of the value by clip too")
    normalise_advantages: bool = setting(about="normalise the advantages in each minibatch")
    entropy_coef: float = setting(at_least=0, at_most=10**6, about="weight of the entropy bonus")
    value_coef: float = setting(at_least=0, at_most=10**6, about="weight of the squared error of the value")
    max_grad_norm: float | None = setting(
        above=0, at_most=LARGE, about="clip gradients to this norm; null: no clipping"
    )
    # newer than some runs, whose config.yaml lacks them: so with defaults here
    normalise_observations: bool = setting(
        False, about="normalise observations by the mean and deviation of those seen so far, for vectors"
    )
    normalise_rewards: bool = setting(
        False, about="divide rewards by the deviation of the discounted returns so far, for learning only"
    )
    separate_value: bool = setting(False, about="a network of its own for the value, of the same kind as the policy's")

    def check(self, config: Config) -> None:
        both = self.normalise_rewards and config.env.clip_rewards
        require(not both, "agent.normalise_rewards", "false beside env.clip_rewards=true", True)


@dataclass
class PQNConfig(AgentConfig):
    """Settings of PQN: agent=pqn."""

    build: ClassVar[str] = "rrn.agents.pqn.build"
    norm: ClassVar[str | None] = "layer"
    smoke: ClassVar[dict[str, Any]] = {
        "env.num_envs": 2,
        "agent.rollout": 25,
        "agent.batch_size": 10,
        "agent.epsilon_end": 0.1,
        "agent.epsilon_steps": 400,
    }

    learning_rate: float = setting(above=0, at_most=LARGE, about="learning rate of RAdam")
    anneal: bool = setting(about="learning_rate falls linearly to 0 over steps")
    adam_eps: float = setting(above=0, at_most=LARGE, about="epsilon of RAdam, in its denominator")
    q_lambda: float = setting(at_least=0, at_most=1, about="lambda of the returns; 0: of one step")
    rollout: int = setting(at_least=1, at_most=STEPS, about="agent steps of each environment between updates")
    epochs: int = setting(at_least=1, at_most=10_000, about="passes over each rollout")
    batch_size: int = setting(at_least=1, at_most=10**6, about="agent steps of a minibatch")
    epsilon_start: float = setting(at_least=0, at_most=1, about="probability of a random action at first")
    epsilon_end: float = setting(at_least=0, at_most=1, about="probability of a random action after epsilon_steps")
    epsilon_steps: int = setting(at_least=1, at_most=STEPS, about="agent steps over which epsilon falls")
    max_grad_norm: float | None = setting(
        above=0, at_most=LARGE, about="clip gradients to this norm; null: no clipping"
    )


AGENTS: dict[str, type[AgentConfig]] = {
    "dqn": DQNConfig,
    "ddqn": DQNConfig,
    "drq": Atari100kConfig,
    "der": DERConfig,
    "der_dopamine": Atari100kConfig,
    "ppo": PPOConfig,
    "pqn": PQNConfig,
}
