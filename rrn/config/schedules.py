"""Find schedules that are longer than the run, so that something never ends, or never happens."""

from __future__ import annotations

from collections.abc import Iterator

from rrn.config.act import RationalConfig
from rrn.config.agent import DQNConfig, PPOConfig, PQNConfig
from rrn.config.sb3 import SB3DQNConfig, SB3PPOConfig
from rrn.config.schema import Config, learning_steps


def schedule_warnings(config: Config) -> list[str]:
    """Return a sentence for each schedule that the run is too short for: what happens, and what to set.

    experiment=smoke has none: it is to do everything once, and learns nothing.
    """
    return [] if config.experiment == "smoke" else [*_of_agent(config), *_of_run(config)]


def _of_agent(config: Config) -> Iterator[str]:
    agent, steps = config.agent, config.steps
    if isinstance(agent, PQNConfig) or (isinstance(agent, DQNConfig) and not agent.noisy):
        yield from _epsilon(config, agent)
    if isinstance(agent, DQNConfig):
        if agent.prioritised and agent.priority_beta_steps > steps and agent.priority_beta < 1:
            last = agent.priority_beta + (1 - agent.priority_beta) * steps / agent.priority_beta_steps
            what = f"the exponent of the importance weights ends at {last:.2g}, not at 1"
            yield _warning(config, what, "agent.priority_beta_steps", agent.priority_beta_steps)
        yield from _longer(config, "agent.train_every", agent.train_every, "the network is never updated")
        yield from _longer(config, "agent.target_every", agent.target_every, "the target network is never updated")
        yield from _replay(config, ("agent.warmup", agent.warmup), ("agent.replay_capacity", agent.replay_capacity))
    elif isinstance(agent, SB3DQNConfig):
        what = "the target network is never updated"
        yield from _longer(config, "agent.target_update_interval", agent.target_update_interval, what)
        yield from _replay(
            config, ("agent.learning_starts", agent.learning_starts), ("agent.buffer_size", agent.buffer_size)
        )
    elif isinstance(agent, PPOConfig | PQNConfig | SB3PPOConfig):
        name = "n_steps" if isinstance(agent, SB3PPOConfig) else "rollout"
        rollout = getattr(agent, name)
        if rollout * config.env.num_envs >= steps:
            yield (
                f"with steps={steps} there is one rollout only, of agent.{name}={rollout} steps in each of "
                f"{config.env.num_envs} environments; set agent.{name}={max(1, steps // (10 * config.env.num_envs))} "
                "or less, or more steps."
            )


def _of_run(config: Config) -> Iterator[str]:
    every = config.evaluation.every
    yield from _longer(config, "evaluation.every", every, "evaluations come at the start and the end alone")
    what = "a run that is killed begins at step 0 again"
    yield from _longer(config, "checkpoint.every", config.checkpoint.every, what)
    yield from _longer(config, "log_every", config.log_every, "the log has no losses")
    learning, act = learning_steps(config), config.act
    if isinstance(act, RationalConfig) and act.trainable and learning.start > min(config.steps, learning.stop - 1):
        key, value = ("act.freeze_after", act.freeze_after) if act.delay is None else ("act.delay", act.delay)
        yield _warning(config, "the coefficients of rationals never learn", key, value)


def _epsilon(config: Config, agent: DQNConfig | PQNConfig) -> Iterator[str]:
    if agent.epsilon_steps > config.steps and agent.epsilon_start != agent.epsilon_end:
        last = agent.epsilon_start + (agent.epsilon_end - agent.epsilon_start) * config.steps / agent.epsilon_steps
        what = f"epsilon ends at {last:.2g}, not at agent.epsilon_end={agent.epsilon_end:g}"
        yield _warning(config, what, "agent.epsilon_steps", agent.epsilon_steps)


def _replay(config: Config, warmup: tuple[str, int], capacity: tuple[str, int]) -> Iterator[str]:
    """Yield what is wrong with the random steps at the start and the size of the replay buffer, both (name, value)."""
    if warmup[1] >= config.steps:
        yield _warning(config, "most of the time goes into random steps before training", *warmup)
    filled = warmup[1] + config.steps
    if capacity[1] > filled:
        yield (
            f"with steps={config.steps} the replay buffer is never full, and forgets nothing: {capacity[0]}="
            f"{capacity[1]} is more than all {filled} steps; a smaller one takes less memory."
        )


def _longer(config: Config, name: str, value: int, what: str) -> Iterator[str]:
    if value > config.steps:
        yield _warning(config, what, name, value)


def _warning(config: Config, what: str, name: str, value: object) -> str:
    return f"with steps={config.steps} {what}: {name}={value} is longer; set {name} or steps."
