"""Agent steps per second of training on Pong beside stable-baselines3, and where the time and the memory go.

    pip install opencv-python-headless       # which the Atari wrappers of stable-baselines3 want
    python scripts/bench/training.py [--turns 15] [--output bench_training.json]

stable-baselines3 trains with the settings of rl-baselines3-zoo for Atari, ours with the same network and the same
number of updates for each step; both draw a random action in one of ten steps. Each has a process of its own, and they
take turns. DQN has made 1,024 updates before, as an agent soon has: by then some of its weights are dead, and what that
costs belongs to a run. A rate is the median over the turns; a ratio is the median, with the quartiles, of the ratios in
the same turn.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from ale_py.vector_env import AtariVectorEnv
from sides import SAME, Apart, Ours, Theirs
from stable_baselines3 import DQN, PPO

from rrn.agents import make_learner
from rrn.config.compose import compose_config
from rrn.envs import make_envs
from rrn.envs.atari import emulator_options
from rrn.training.trainer import RESEED_AFTER

DQN_RUNS = {
    "dqn, relu, 1 game": ("act=relu", "env.num_envs=1"),
    "dqn, relu, 8 games": ("act=relu", "env.num_envs=8"),
    "dqn, recurrent_rational, 1 game": ("act=recurrent_rational", "env.num_envs=1"),
    "dqn, recurrent_rational, 8 games": ("act=recurrent_rational", "env.num_envs=8"),
    "dqn, recurrent_rational, 8 games without overlap": (
        "act=recurrent_rational",
        "env.num_envs=8",
        "env.overlap=false",
    ),
}
PPO_RUNS = {f"ppo, {act}, 8 games": (f"act={act}",) for act in ("relu", "recurrent_rational")}
SMALL_RUNS = {
    f"{agent}, {act}": (f"agent={agent}", f"act={act}")
    for agent in ("dqn", "ppo")
    for act in ("relu", "recurrent_rational")
}


def interleaved(runs: dict[str, Callable[[int], int]], steps: int, turns: int, warmup: int) -> list[dict]:
    """Rate of each over `turns` turns of some steps, after `warmup` steps, and its ratio to that of the first one."""
    for run in runs.values():
        run(warmup)
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(turns):
        for name, run in runs.items():
            began = time.perf_counter()
            taken = run(steps)
            rates[name].append(taken / (time.perf_counter() - began))
    base, rows = next(iter(rates.values())), []
    for name, values in rates.items():
        low, ratio, high = statistics.quantiles([v / b for v, b in zip(values, base, strict=True)], n=4)
        rows.append({"name": name, "rate": statistics.median(values), "ratio": ratio, "low": low, "high": high})
    return rows


def environment_side(turns: int, steps: int = 40) -> list[dict]:
    """8 games with all that the loop needs of them, stored, beside the bare emulator; in short turns, as games vary."""
    config = compose_config(["env=Pong", "agent=dqn", "env.num_envs=8", "agent.warmup=100000", SAME[-1]])
    games = make_envs(config.env, 8, (0,), RESEED_AFTER)
    learner = make_learner(config, games, torch.device("cpu"))
    bare = AtariVectorEnv(game="pong", img_height=84, img_width=84, stack_num=4, **emulator_options(config.env, 8))
    bare.reset(seed=np.arange(8))
    random = np.random.default_rng(0)
    learner.agent.act = lambda observations, epsilon: random.integers(0, 6, 8)

    def play(steps: int) -> int:
        for _ in range(steps):
            bare.step(random.integers(0, 6, 8))
        return 8 * steps

    def store(steps: int) -> int:
        return sum(learner.warmup_step() for _ in range(steps))

    return interleaved({"AtariVectorEnv alone": play, "ours, stored in the memory": store}, steps, turns, steps)


def show(title: str, rows: list[dict]) -> None:
    print(f"\n{title}\n{'':44}{'steps/s':>9}{'ratio':>8}{'quartiles':>15}")
    for row in rows:
        spread = f"{row['low']:.2f} to {row['high']:.2f}"
        print(f"{row['name']:44}{row['rate']:9.0f}{row['ratio']:8.2f}{spread:>15}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path, default=Path("bench_training.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine = f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}"
    print(f"{machine}, {options.turns} turns")
    results: dict[str, object] = {"machine": machine, "turns": options.turns, "split": {}}

    def apart(*overrides: str) -> Apart:
        return Apart(options.threads, Ours, *overrides)

    def compare(key: str, title: str, sides: dict[str, Apart], *size: int, split: bool = True) -> None:
        results[key] = interleaved({name: side.training_step for name, side in sides.items()}, *size)
        show(title, results[key])
        for name, side in sides.items():
            if split and not name.startswith("stable"):
                results["split"][name] = side("split", 1024)
            side.close()

    sides = {"stable-baselines3 DQN, relu": Apart(options.threads, Theirs, DQN, 1)}
    sides |= {name: apart("env=Pong", "agent=dqn", *SAME, *run) for name, run in DQN_RUNS.items()}
    compare("dqn", "DQN on Pong", sides, 160, options.turns, 4096)
    sides = {"stable-baselines3 PPO, relu, 8 games": Apart(options.threads, Theirs, PPO, 8)}
    sides |= {name: apart("env=Pong", "agent=ppo", *run) for name, run in PPO_RUNS.items()}
    compare("ppo", "PPO on Pong", sides, 1024, max(options.turns // 2, 3), 1024)
    sides = {name: apart("env=MinAtar-Breakout", *run) for name, run in SMALL_RUNS.items()}
    compare("minatar", "MinAtar-Breakout", sides, 2048, options.turns, 16384, split=False)
    results["environment"] = environment_side(10 * options.turns)
    show("8 games of Pong, without learning", results["environment"])
    print("\nwhere the time goes")
    for name, shares in results["split"].items():
        print(f"{name}: " + ", ".join(f"{part} {share:.0%}" for part, share in shares.items()))
    run = "dqn, recurrent_rational, 1 game"
    rate = next(row["rate"] for row in results["dqn"] if row["name"] == run)
    full = apart("env=Pong", "act=recurrent_rational", "agent.warmup=50000")
    results["bookkeeping"] = full("bookkeeping", rate)
    full.close()
    found = {name: round(value, 4) for name, value in results["bookkeeping"].items()}
    print(f"\nbookkeeping of {run} with 50,000 transitions, seconds each time, and its share of a run: {found}")
    settings = (*SAME[:3], "agent.replay_capacity=500000", "steps=1000000")
    large = apart("env=Pong", "act=recurrent_rational", *settings)
    results["memory_gb"] = large("peak_memory")
    large.close()
    training, saving = results["memory_gb"].values()
    print(f"\nDQN with 500,000 transitions: {training:.2f} GB at most, {saving:.2f} GB while a checkpoint is written")
    options.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
