"""Types of the configuration of a run. The defaults are in the YAML files of conf/; compose.py composes them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from omegaconf import MISSING

from rrn.common.numbers import parse_int
from rrn.config.act import ActConfig
from rrn.config.agent import AgentConfig
from rrn.config.env import EnvConfig
from rrn.config.network import NetworkConfig
from rrn.config.settings import STEPS, check_ranges, require, setting, typed


@dataclass
class EvaluationConfig:
    """Settings of the evaluations during training."""

    every: int = setting(at_least=1, at_most=STEPS, about="agent steps of training between evaluations")
    start: int = setting(0, at_least=0, at_most=STEPS, about="agent steps of training before the first evaluation")
    epsilon: float = setting(at_least=0, at_most=1, about="probability of a random action in an evaluation")
    episodes: int | None = setting(
        at_least=1, at_most=10**6, about="whole games of an evaluation; null: as many as end within evaluation.steps"
    )
    steps: int | None = setting(
        at_least=1,
        at_most=STEPS,
        about="agent steps of an evaluation, one game after the other; null: no limit, evaluation.episodes counts",
    )
    num_envs: int = setting(at_least=1, at_most=4096, about="games of an evaluation that are played in parallel")
    figure_every: int = setting(
        1, at_least=1, at_most=10**6, about="evaluations between two figures of the activations; the last has one too"
    )


@dataclass
class CheckpointConfig:
    """Settings of the checkpoints."""

    every: int = setting(at_least=1, at_most=STEPS, about="agent steps of training between checkpoints")
    keep: int = setting(at_least=1, at_most=10**6, about="number of checkpoints that stay; older ones are deleted")
    weights: str = setting(
        "best",
        choices=("best", "all", "none"),
        about="weights alone that stay, in small files: those of the best and of the last evaluation, of all, or none",
    )


@dataclass
class Config:
    """Settings of one run."""

    agent: AgentConfig = field(default_factory=AgentConfig)
    env: EnvConfig = field(default_factory=EnvConfig)
    act: ActConfig = field(default_factory=ActConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    experiment: str = MISSING
    steps: int = setting(at_least=1, at_most=STEPS, about="agent steps of training")
    seed: int = setting(at_least=0, at_most=2**32 - 1, about="of the weights, the agent and the environments")
    device: str = setting(about="auto (a GPU if torch finds one), cpu, cuda or cuda:N")
    # torch ends with a segmentation fault at millions
    threads: int | None = setting(
        at_least=1, at_most=1024, about="CPU threads of torch; null: up to 4 for Atari, 1 for other games"
    )
    stack_seeds: int = setting(
        1,
        at_least=1,
        at_most=1000,
        about="runs of a sweep that differ in the seed alone and are trained as one program, with stacked parameters",
    )
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    log_every: int = setting(at_least=1, at_most=STEPS, about="agent steps of training between two rows of the log")
    run_dir: str = setting(about="folder of the run")
    resume: bool = setting(about="go on from the last checkpoint in run_dir")


def with_seed(config: Config, seed: int) -> Config:
    """Return the configuration with another seed, also where a setting of the environment is the seed."""
    follow: dict[str, Any] = {name: seed for name in config.env.of_seed if getattr(config.env, name) == config.seed}
    return replace(config, seed=seed, env=replace(config.env, **follow))


def check_values(config: Config) -> None:
    """Check the ranges of all values, and what depends on several of them.

    Raises:
        UserError: a value makes no sense; about the first such value.
    """
    check_ranges(config)
    require(config.run_dir.strip(), "run_dir", "a folder", "nothing")
    evaluation = config.evaluation
    exactly_one = (evaluation.episodes is None) != (evaluation.steps is None)
    both = f"{typed(evaluation.episodes)} and {typed(evaluation.steps)}"
    require(exactly_one, "evaluation.episodes", "either it or evaluation.steps, and null for the other", both)
    for part in (config.agent, config.env, config.act, config.network):
        part.check(config)


def learning_steps(config: Config) -> range:
    """Return the agent steps, from 1, that train the coefficients of rationals (act.delay, act.freeze_after)."""

    def agent_steps(name: str, default: int) -> int:
        text = getattr(config.act, name, None)
        if text is None:
            return default
        number, epochs, _ = text.partition("epochs")
        return parse_int(number) * (config.evaluation.every if epochs else 1)

    return range(agent_steps("delay", 0) + 1, agent_steps("freeze_after", STEPS) + 1)
