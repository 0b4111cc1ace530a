"""Agent steps per second of training on Pong beside stable-baselines3, and where the time and the memory go.

    pip install opencv-python-headless       # which the Atari wrappers of stable-baselines3 want
    python scripts/bench_training.py [--turns 15] [--output bench_training.json]

stable-baselines3 trains with the settings of rl-baselines3-zoo for Atari, ours with the same network and the same
number of updates for each step; both draw a random action in one of ten steps. They take turns in one process. A rate
is the median over the turns; a ratio is the median, with the quartiles, of the ratios in the same turn.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from ale_py.vector_env import AtariVectorEnv
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.vec_env import VecFrameStack

from rrn.agents import make_learner
from rrn.compose import compose_config
from rrn.envs import make_games
from rrn.envs.atari import emulator_options
from rrn.trainer import RESEED_AFTER, Trainer

EPSILON = 0.1
SAME = ["agent.epsilon_start=0.1", "agent.epsilon_end=0.1", "agent.warmup=1000", "agent.replay_capacity=10000"]
ZOO_DQN = {
    "learning_rate": 1e-4,
    "buffer_size": 10_000,  # 100,000 in the zoo; the speed is the same
    "learning_starts": 1000,
    "batch_size": 32,
    "train_freq": 4,
    "gradient_steps": 1,
    "target_update_interval": 1000,
    "exploration_initial_eps": EPSILON,
    "exploration_final_eps": EPSILON,
}
ZOO_PPO = {"n_steps": 128, "n_epochs": 4, "batch_size": 256, "learning_rate": 2.5e-4, "clip_range": 0.1}
ZOO_PPO |= {"ent_coef": 0.01, "vf_coef": 0.5}


def theirs(kind: type[DQN] | type[PPO], num_envs: int, settings: dict) -> Callable[[int], int]:
    """A function that trains the agent of stable-baselines3 for some steps and says how many they were."""
    options = {"frameskip": 1, "repeat_action_probability": 0.0}
    games = VecFrameStack(make_atari_env("ALE/Pong-v5", n_envs=num_envs, seed=0, env_kwargs=options), 4)
    model = kind("CnnPolicy", games, seed=0, device="cpu", **settings)
    model.learn(settings.get("learning_starts", 0) + 8)

    def advance(steps: int) -> int:
        before = model.num_timesteps
        model.learn(steps, reset_num_timesteps=False)
        return model.num_timesteps - before

    return advance


def ours(folder: Path, *overrides: str) -> Trainer:
    """A run of ours after its random play, with everything that belongs to one, at its default settings."""
    folder.mkdir(parents=True, exist_ok=True)
    config = compose_config([*overrides, "device=cpu", f"run_dir={folder}"])
    trainer = Trainer(config, folder, lambda: False)
    trainer._open()
    trainer._restart_clock()
    while trainer.learner.preparing:
        trainer.learner.prepare()
    return trainer


def advance(trainer: Trainer) -> Callable[[int], int]:
    def run(steps: int) -> int:
        before = trainer.step
        while trainer.step < before + steps:
            trainer.stop()
            trainer._advance()
            trainer._show()
        return trainer.step - before

    return run


def interleaved(runs: dict[str, Callable[[int], int]], steps: int, turns: int) -> list[dict]:
    """Rate of each, and its ratio to that of the first one."""
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(turns + 1):
        for name, run in runs.items():
            began = time.perf_counter()
            taken = run(steps)
            if turn:  # the first one warms up
                rates[name].append(taken / (time.perf_counter() - began))
    base, rows = next(iter(rates.values())), []
    for name, values in rates.items():
        low, ratio, high = statistics.quantiles([v / b for v, b in zip(values, base, strict=True)], n=4)
        rows.append({"name": name, "rate": statistics.median(values), "ratio": ratio, "low": low, "high": high})
    return rows


def split(trainer: Trainer, steps: int) -> dict[str, float]:
    """Share of the time of training that each part takes."""
    learner, agent, spent = trainer.learner, trainer.agent, Counter()
    parts = {"environment": (learner.games, "send", "receive"), "update": (agent, "update")}
    if hasattr(learner, "replay"):
        parts |= {"acting": (agent, "act"), "sampling": (learner.replay, "sample"), "storing": (learner, "_store")}
    else:
        parts["acting"] = (agent, "choose")
    for part, (owner, *names) in parts.items():
        for name in names:
            setattr(owner, name, clocked(getattr(owner, name), part, spent))
    began = time.perf_counter()
    advance(trainer)(steps)
    total = time.perf_counter() - began
    for owner, *names in parts.values():
        for name in names:
            delattr(owner, name)
    return {part: spent[part] / total for part in parts} | {"the rest": 1 - sum(spent.values()) / total}


def clocked(function: Callable, part: str, spent: Counter) -> Callable:
    def call(*arguments, **options):
        began = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            spent[part] += time.perf_counter() - began

    return call


def environment_side(turns: int, steps: int = 250) -> list[dict]:
    """8 games with all that the loop needs of them, stored, beside the bare emulator."""
    trainer_config = compose_config(["env=Pong", "agent=dqn", "env.num_envs=8", "agent.warmup=100000", *SAME[3:]])
    games = make_games(trainer_config.env, 8, (0,), RESEED_AFTER)
    learner = make_learner(trainer_config, games, torch.device("cpu"))
    bare = AtariVectorEnv(
        game="pong", img_height=84, img_width=84, stack_num=4, **emulator_options(trainer_config.env, 8)
    )
    bare.reset(seed=np.arange(8))
    random = np.random.default_rng(0)

    def play(steps: int) -> int:
        for _ in range(steps):
            bare.step(random.integers(0, 6, 8))
        return 8 * steps

    def learn(steps: int) -> int:
        learner.agent.act = lambda observations, epsilon: random.integers(0, 6, 8)
        return sum(learner.prepare() for _ in range(steps))

    return interleaved({"AtariVectorEnv alone": play, "ours, stored in the memory": learn}, steps, turns)


def bookkeeping(trainer: Trainer, rate: float) -> dict[str, float]:
    """Seconds of what a run does beside training, and their share of its time at a rate of steps per second."""
    config = trainer.config
    seconds = {"log": best_of(trainer._log), "shapes": best_of(trainer._draw), "checkpoint": best_of(trainer._save)}
    every = {"log": config.log_every, "shapes": config.evaluation.every, "checkpoint": config.checkpoint.every}
    share = sum(seconds[name] * rate / every[name] for name in seconds)
    return {**seconds, "share": share}


def best_of(work: Callable[[], object], times: int = 5) -> float:
    """Median of its seconds."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def memory() -> None:
    """Print the peak memory in GB of training DQN with 500,000 transitions, before and after a checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        settings = [*SAME[:3], "agent.replay_capacity=500000"]
        trainer = ours(Path(folder), "env=Pong", "act=recurrent_rational", "steps=1000000", *settings)
        replay = trainer.learner.replay
        frames, zero = replay.frames[: replay.added[0]].numpy().copy(), np.zeros(1)
        while replay.added[0] < replay.rows:
            replay.add(frames[replay.added % len(frames)], zero, zero, zero, zero)
        advance(trainer)(200)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        trainer._save()
        print(before / 1e6, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


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
    parser.add_argument("--memory", action="store_true", help="print the peak memory alone")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.memory:
        memory()
        return
    machine = f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}"
    print(f"{machine}, {options.turns} turns")
    results: dict[str, object] = {"machine": machine, "turns": options.turns}
    with tempfile.TemporaryDirectory() as name:
        folder, runs = Path(name), {}
        trainers = {
            f"dqn, {act}, {n} game{'s' * (n > 1)}{note}": ours(
                folder / f"{act}{n}{note}",
                *("env=Pong", "agent=dqn", f"act={act}", f"env.num_envs={n}", *SAME, *extra),
            )
            for act, n, note, *extra in (
                ("relu", 1, ""),
                ("relu", 8, ""),
                ("recurrent_rational", 1, ""),
                ("recurrent_rational", 8, ""),
                ("recurrent_rational", 8, " without overlap", "env.overlap=false"),
            )
        }
        runs = {"stable-baselines3 DQN, relu": theirs(DQN, 1, ZOO_DQN)}
        runs |= {name: advance(trainer) for name, trainer in trainers.items()}
        results["dqn"] = interleaved(runs, 160, options.turns)
        show("DQN on Pong", results["dqn"])
        ppo = {
            f"ppo, {act}, 8 games": ours(folder / f"ppo{act}", "env=Pong", "agent=ppo", f"act={act}")
            for act in ("relu", "recurrent_rational")
        }
        runs = {"stable-baselines3 PPO, relu, 8 games": theirs(PPO, 8, ZOO_PPO)}
        runs |= {name: advance(trainer) for name, trainer in ppo.items()}
        results["ppo"] = interleaved(runs, 1024, max(options.turns // 2, 3))
        show("PPO on Pong", results["ppo"])
        small = {
            f"{agent}, {act}": advance(
                ours(folder / f"{agent}{act}", "env=MinAtar-Breakout", f"agent={agent}", f"act={act}")
            )
            for agent in ("dqn", "ppo")
            for act in ("relu", "recurrent_rational")
        }
        results["minatar"] = interleaved(small, 2048, options.turns)
        show("MinAtar-Breakout", results["minatar"])
        results["environment"] = environment_side(options.turns)
        show("8 games of Pong, without learning", results["environment"])
        results["split"] = {name: split(t, 1024) for name, t in {**trainers, **ppo}.items()}
        print("\nwhere the time goes")
        for name, shares in results["split"].items():
            print(f"{name}: " + ", ".join(f"{part} {share:.0%}" for part, share in shares.items()))
        run = "dqn, recurrent_rational, 1 game"
        rate = next(row["rate"] for row in results["dqn"] if row["name"] == run)
        full = ours(folder / "full", "env=Pong", "act=recurrent_rational", "agent.warmup=50000")
        results["bookkeeping"] = bookkeeping(full, rate)
        found = {name: round(value, 4) for name, value in results["bookkeeping"].items()}
        print(f"\nbookkeeping of {run} with 50,000 transitions, seconds each time, and its share of a run: {found}")
    printed = subprocess.run([sys.executable, __file__, "--memory"], capture_output=True, text=True, check=True).stdout
    training, saving = map(float, printed.split())
    results["memory_gb"] = {"training": training, "saving": saving}
    print(f"\nDQN with 500,000 transitions: {training:.2f} GB at most, {saving:.2f} GB while a checkpoint is written")
    options.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
