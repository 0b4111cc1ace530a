"""Agent steps per second of PPO and DQN on CartPole and LunarLander, beside stable-baselines3 and plain torch.

    python scripts/bench/gym_training.py [--turns 7] [--only dqn]

All have the same settings: environments, rollout, epochs, minibatches, updates, widths of networks with ReLUs, and
networks of their own for policy and value; with DQN, one of ten actions is random and gradients are clipped. Ours are
whole runs with logs.
stable-baselines3 trains by its `learn`; the plain loops follow CleanRL's ppo.py and dqn.py (plain_loops.py). Each has a
process of its own with one thread, and they take turns. Time is that of the processor, as other programs may compete
for it. A rate is the median over the turns; a ratio is ours to theirs in the same turn, the median with the quartiles.
"""

from __future__ import annotations

import argparse
import platform
import statistics

import psutil
import torch
from plain_loops import PlainDQN, PlainPPO
from sides import EPSILON, Apart, Ours
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.env_util import make_vec_env
from torch import nn

WIDTHS = (128, 128)
NUM_ENVS = 8  # of PPO; DQN has one
PPO_SETTINGS = {"gamma": 0.99, "gae_lambda": 0.95, "clip": 0.2, "entropy_coef": 0.0, "batch_size": 64}
DQN_SETTINGS = {"gamma": 0.99, "warmup": 1000, "replay_capacity": 50_000, "max_grad_norm": 10.0}
CASES = {
    "PPO on CartPole": ("CartPole-v1", 2048, PPO_SETTINGS | {"learning_rate": 1e-3, "rollout": 32, "epochs": 10}),
    "PPO on LunarLander": (
        "LunarLander-v3",
        4096,
        PPO_SETTINGS | {"learning_rate": 3e-4, "rollout": 512, "epochs": 4},
    ),
    "DQN on CartPole": (
        "CartPole-v1",
        2048,
        DQN_SETTINGS | {"learning_rate": 1e-3, "batch_size": 64, "train_every": 2, "target_every": 256},
    ),
    "DQN on LunarLander": (
        "LunarLander-v3",
        1024,
        DQN_SETTINGS | {"learning_rate": 6.3e-4, "batch_size": 128, "train_every": 1, "target_every": 250},
    ),
}  # environment, agent steps of a turn, settings by our names


class Theirs:
    """An agent of stable-baselines3, trained by its `learn`."""

    def __init__(self, env_id: str, settings: dict):
        network = {"net_arch": list(WIDTHS), "activation_fn": nn.ReLU}
        common = {"policy_kwargs": network, "seed": 0, "device": "cpu"}
        common |= {name: settings[name] for name in ("learning_rate", "batch_size", "gamma")}
        if "rollout" in settings:
            envs = make_vec_env(env_id, n_envs=NUM_ENVS, seed=0)
            own = {"n_steps": "rollout", "n_epochs": "epochs", "clip_range": "clip", "ent_coef": "entropy_coef"}
            own |= {"gae_lambda": "gae_lambda"}
            kind, fixed = PPO, {}
        else:
            envs = make_vec_env(env_id, n_envs=1, seed=0)
            own = {"buffer_size": "replay_capacity", "learning_starts": "warmup", "train_freq": "train_every"}
            own |= {"target_update_interval": "target_every", "max_grad_norm": "max_grad_norm"}
            kind, fixed = DQN, {"exploration_initial_eps": EPSILON, "exploration_final_eps": EPSILON}
        self.model = kind("MlpPolicy", envs, **common, **fixed, **{name: settings[key] for name, key in own.items()})
        self.model.learn(settings.get("warmup", 0) + 8)

    def training_step(self, steps: int) -> int:
        """Train for some agent steps; how many they were."""
        before = self.model.num_timesteps
        self.model.learn(steps, reset_num_timesteps=False)
        return self.model.num_timesteps - before


def sides_of(env_id: str, settings: dict) -> dict[str, Apart]:
    """Processes of ours, stable-baselines3 and the plain loop for a case."""
    agent, num_envs = ("ppo", NUM_ENVS) if "rollout" in settings else ("dqn", 1)
    words = [f"env={env_id}", f"agent={agent}", "act=relu", f"env.num_envs={num_envs}", "threads=1"]
    words += ["network=mlp", f"network.widths={list(WIDTHS)}".replace(" ", "")]
    words += [f"agent.{name}={value}" for name, value in settings.items()]
    if agent == "ppo":
        words += ["agent.normalise_rewards=false", "agent.separate_value=true", "agent.anneal=false"]
        plain = Apart(1, PlainPPO, env_id, num_envs, WIDTHS, settings)
    else:
        words += [f"agent.epsilon_start={EPSILON}", f"agent.epsilon_end={EPSILON}"]
        plain = Apart(1, PlainDQN, env_id, WIDTHS, settings, EPSILON)
    return {"ours": Apart(1, Ours, *words), "stable-baselines3": Apart(1, Theirs, env_id, settings), "CleanRL's": plain}


def rates_of(sides: dict[str, Apart], steps: int, turns: int) -> dict[str, list[float]]:
    """Agent steps per second of processor time of each side, in turns, after one that is not counted."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(turns + 1):
        for name, side in sides.items():
            process = psutil.Process(side.process.pid)
            before = process.cpu_times()
            taken = side.training_step(steps)
            after = process.cpu_times()
            if turn:
                rates[name].append(taken / (after.user + after.system - before.user - before.system))
    return rates


def show(title: str, rates: dict[str, list[float]]) -> None:
    ours, *_ = rates.values()
    print(f"\n{title}\n{'':44}{'steps/s':>9}{'ours to it':>12}{'quartiles':>15}")
    for name, values in rates.items():
        low, ratio, high = statistics.quantiles([mine / v for mine, v in zip(ours, values, strict=True)], n=4)
        spread = f"{low:.2f} to {high:.2f}"
        print(f"{name:44}{statistics.median(values):9.0f}{ratio:12.2f}{spread:>15}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--only", default="", help="run the cases whose title has this word")
    options = parser.parse_args()
    print(f"{platform.machine()}, 1 thread, torch {torch.__version__}, {options.turns} turns")
    for title, (env_id, steps, settings) in CASES.items():
        if options.only.lower() in title.lower():
            sides = sides_of(env_id, settings)
            show(title, rates_of(sides, steps, options.turns))
            for side in sides.values():
                side.close()


if __name__ == "__main__":
    main()
