"""What the measures of plasticity cost: their time at each evaluation beside that of the training between two.

    OMP_NUM_THREADS=1 python scripts/bench/plasticity.py [--rounds 9]

Settings are the defaults of each game, but for a small memory. The evaluation is taken to be that of a good agent, with
the longest games there are or, on Atari and MinAtar, games of so many steps (`STEPS_OF_A_GAME`). Times are medians.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from rrn.activations.inspection.recording import record_inputs
from rrn.activations.inspection.snapshots import snapshot
from rrn.common.eval_mode import eval_mode
from rrn.config.compose import compose_config
from rrn.envs import Step
from rrn.metrics.overestimation import Predictions
from rrn.metrics.recorder import record_activity
from rrn.training.evaluator import SHAPE_BINS, log_measures
from rrn.training.trainer import Trainer

SETTINGS = {
    "dqn, Pong": ["env=Pong", "agent=dqn", "agent.replay_capacity=4000", "agent.warmup=2000"],
    "dqn, MinAtar-Breakout": ["env=MinAtar-Breakout", "agent=dqn"],
    "ppo, MinAtar-Breakout": ["env=MinAtar-Breakout", "agent=ppo"],
    "dqn, CartPole": ["env=CartPole", "agent=dqn"],
    "ppo, CartPole": ["env=CartPole", "agent=ppo"],
}
STEPS_OF_A_GAME = {"atari": 3000, "minatar": 1000, "cartpole": 500}
BEFORE = 256  # observations behind a snapshot without the measures
CHUNK = 1.0  # seconds of training timed at a time, at least


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rate(trainer: Trainer) -> float:
    """Agent steps of training a second."""
    began, step = time.perf_counter(), trainer.step
    while time.perf_counter() - began < CHUNK:
        trainer._advance()
    return (trainer.step - step) / (time.perf_counter() - began)


@torch.no_grad()
def look(trainer: Trainer, states: int, measure: bool):
    """The forward pass of an evaluation, with the recording of the measures or without; what was recorded."""
    network = trainer.agent.network
    observations = trainer.learner.sample_observations(states, torch.Generator().manual_seed(0))
    inputs, activity = record_inputs(network.layers, SHAPE_BINS), record_activity(network.layers)
    with eval_mode(network), inputs:
        if measure:
            with activity:
                trainer.agent.forward(observations)
        else:
            trainer.agent.forward(observations)
    return activity, snapshot(network.layers, trainer.step, inputs.histograms)


def watch(trainer: Trainer) -> dict[str, float]:
    """What over-estimation takes in one evaluation: each step kept, and the returns worked out."""
    config = trainer.config
    copies, length = config.evaluation.num_envs, STEPS_OF_A_GAME[config.env.kind]
    seen, nothing = Predictions(config.agent.gamma, config.env.clip_rewards), np.zeros(copies)
    values = torch.rand(copies)
    step = Step(nothing, np.ones(copies), np.zeros(copies, dtype=bool), nothing, nothing, nothing, [])
    last = Step(nothing, np.ones(copies), np.ones(copies, dtype=bool), nothing, nothing, nothing, [])
    for _ in range(config.evaluation.episodes // copies):
        for t in range(length):
            seen.add(values, step if t < length - 1 else last)
        for env in range(copies):
            seen.end(env, True)
    return seen.summary()


def times(trainer: Trainer, rounds: int) -> dict[str, float]:
    """Medians, in seconds, of each part and of all of them, and of the training between two evaluations."""
    parts: dict[str, list[float]] = {name: [] for name in ("pass", "measures", "log", "games", "all", "training")}
    evaluator = trainer.evaluator
    evaluator.measures.take(*look(trainer, evaluator.states, True))  # so that there are moves to measure
    for _ in range(rounds):
        training = trainer.config.evaluation.every / rate(trainer)
        before = seconds(lambda: look(trainer, BEFORE, False))
        recorded = []
        now = [seconds(lambda recorded=recorded: recorded.append(look(trainer, evaluator.states, True))) - before]
        values = {}
        now.append(seconds(lambda v=values, r=recorded: v.update(evaluator.measures.take(*r[0]))))
        now.append(seconds(lambda v=values: log_measures(trainer.records, trainer.step, v)))
        now.append(seconds(lambda: watch(trainer)))
        for name, value in zip(parts, (*now, sum(now), training), strict=True):
            parts[name].append(value)
    return {name: statistics.median(values) for name, values in parts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="settings whose name has this in it")
    options = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, recurrent_rational, {options.rounds} rounds")
    print(f"{'milliseconds':24}{'pass':>8}{'measures':>10}{'log':>8}{'games':>8}{'all':>8}{'training':>10}{'share':>9}")
    for name, overrides in SETTINGS.items():
        if options.only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            trainer = Trainer(compose_config([*overrides, "device=cpu"]), Path(folder), lambda: False)
            while trainer.learner.warming_up:
                trainer.learner.warmup_step()
            found = times(trainer, options.rounds)
            trainer.records.close()
        cells = [f"{found[part] * 1e3:.1f}" for part in ("pass", "measures", "log", "games", "all")]
        row = "".join(f"{cell:>{width}}" for cell, width in zip(cells, (8, 10, 8, 8, 8), strict=True))
        print(f"{name:24}{row}{found['training'] * 1e3:10.0f}{found['all'] / found['training']:9.2%}", flush=True)


if __name__ == "__main__":
    main()
