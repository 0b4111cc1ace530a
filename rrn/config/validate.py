"""Values of a configuration that have the right type but make no sense, each with a sentence."""

from __future__ import annotations

from dataclasses import asdict

from rrn.activations.fitting.formula import VERSIONS, is_range
from rrn.common.errors import UserError
from rrn.common.numbers import read_whole
from rrn.config.differences import dotted
from rrn.config.schema import AtariConfig, Config, DQNConfig, RationalConfig

# keys that some agent or environment does not have are not checked there
AT_LEAST_ONE = {
    *("steps", "log_every", "threads", "checkpoint.every", "checkpoint.keep"),
    *("evaluation.every", "evaluation.num_envs", "evaluation.episodes", "evaluation.steps"),
    *("agent.batch_size", "agent.train_every", "agent.target_every", "agent.epsilon_steps", "agent.replay_capacity"),
    *("agent.rollout", "agent.epochs", "agent.n_steps", "agent.n_epochs", "agent.train_freq", "agent.buffer_size"),
    *("agent.n_step", "agent.priority_beta_steps", "agent.target_update_interval", "agent.learning_starts"),
    *("env.num_envs", "env.frame_skip", "env.frame_cap", "env.stack", "env.step_cap"),
}
BETWEEN_0_AND_1 = {
    *("agent.gamma", "agent.gae_lambda", "agent.epsilon_start", "agent.epsilon_end"),
    *("agent.tau", "agent.exploration_fraction", "agent.exploration_initial_eps", "agent.exploration_final_eps"),
    *("agent.priority_alpha", "agent.priority_beta", "evaluation.epsilon", "env.sticky_actions"),
}
ABOVE_0 = {"agent.learning_rate", "agent.adam_eps", "agent.clip", "agent.clip_range"}
ABOVE_0_OR_NULL = {"agent.max_grad_norm", "agent.clip_range_vf", "act.lr"}
AT_LEAST_0 = {"env.noop_max", "agent.entropy_coef", "agent.value_coef", "agent.ent_coef", "agent.vf_coef"}
RESIZES = ("area", "bilinear")


def check_values(config: Config) -> None:
    """Raise a UserError for the first value that has the right type but makes no sense."""
    values = dotted(asdict(config))
    for name in AT_LEAST_ONE & values.keys():
        _require(values[name] is None or values[name] >= 1, name, "1 or more", values[name])
    for name in BETWEEN_0_AND_1 & values.keys():
        _require(0 <= values[name] <= 1, name, "a number from 0 to 1", values[name])
    for name in ABOVE_0 & values.keys():
        _require(values[name] > 0, name, "a number above 0", values[name])
    for name in ABOVE_0_OR_NULL & values.keys():
        _require(values[name] is None or values[name] > 0, name, "a number above 0, or null", values[name])
    for name in AT_LEAST_0 & values.keys():
        _require(values[name] >= 0, name, "0 or more", values[name])
    _require(config.run_dir.strip(), "run_dir", "a folder", "nothing")
    _require(0 <= config.seed < 2**32, "seed", "a number from 0 to 4294967295", config.seed)
    repeats = values.get("agent.gradient_steps", 1)
    _require(repeats == -1 or repeats >= 1, "agent.gradient_steps", "1 or more, or -1 for one each step", repeats)
    agent, env, act, evaluation = config.agent, config.env, config.act, config.evaluation
    if isinstance(env, AtariConfig):
        _require(env.size >= 36, "env.size", "at least 36, for the three convolutions", env.size)
        _require(env.resize in RESIZES, "env.resize", f"one of {', '.join(RESIZES)}", env.resize)
    if isinstance(agent, DQNConfig):
        least = env.num_envs * (2 * getattr(env, "stack", 1) + agent.n_step - 1)
        for name in ("warmup", "replay_capacity"):
            value = getattr(agent, name)
            _require(value >= least, f"agent.{name}", f"at least {least}, to sample from", value)
        _require(agent.atoms >= 2, "agent.atoms", "2 or more", agent.atoms)
        span = agent.value_range
        sensible = is_range(span) and max(map(abs, span)) <= 1e9 and span[1] - span[0] >= 1e-3
        _require(sensible, "agent.value_range", "two numbers, the lower one first, such as [-10,10]", span)
    one = (evaluation.episodes is None) != (evaluation.steps is None)
    both = f"{evaluation.episodes} and {evaluation.steps}"
    _require(one, "evaluation.episodes", "either it or evaluation.steps, and null for the other", both)
    if isinstance(act, RationalConfig):
        from rrn.activations.fitting.functions import NAMES  # NumPy, a tenth of a second that others need not wait
        from rrn.activations.fitting.presets import PRESETS

        _require(act.from_run != "", "act.from", "the folder of a run, or null", "nothing")
        _require(act.version in VERSIONS, "act.version", f"one of {', '.join(VERSIONS)}", act.version)
        _require(act.preset in PRESETS, "act.preset", f"one of {', '.join(PRESETS)}", act.preset)
        _require(act.per in ("tensor", "channel"), "act.per", "tensor or channel", act.per)
        delay = 0 if act.delay is None else read_whole(act.delay.removesuffix("epochs"))
        _require(
            delay is not None and delay >= 0,
            "act.delay",
            "agent steps such as 100000, or epochs such as 25epochs, or null",
            act.delay,
        )
        _require(act.init in NAMES, "act.init", f"one of {', '.join(NAMES)}", act.init)
        pair = len(act.degrees) == 2 and min(act.degrees, default=0) >= 1
        _require(pair, "act.degrees", "two whole numbers of at least 1, such as [5,4]", act.degrees)


def _require(holds: object, name: str, expected: str, value: object) -> None:
    if not holds:
        raise UserError(f"{name}: expected {expected}, got {value}.")
