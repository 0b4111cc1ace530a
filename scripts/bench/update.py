"""How long one update of DQN takes with each activation, beside relu.

    python scripts/bench/update.py [--threads 2] [--activations relu rational]

A batch of 32 random transitions of Pong, the network of the paper, the agents in turn in one process. A time is the
median over the turns; a ratio is the median, with the quartiles, of the ratios to relu in the same turn.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from rrn.agents import make_agent
from rrn.agents.dqn.replay import TransitionBatch
from rrn.config.compose import compose_config
from rrn.envs import make_envs

BASE = "relu"


def random_batch(shape: tuple[int, ...], num_actions: int, size: int = 32) -> TransitionBatch:
    states, next_states = torch.randint(256, (2, size, *shape), dtype=torch.uint8)
    rewards, steps = torch.randn(size, 1), torch.ones(size, dtype=torch.int64)
    return TransitionBatch(
        states, torch.randint(num_actions, (size,)), rewards, next_states, steps, torch.rand(size) < 0.1
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--activations", nargs="+", default=["leaky_relu", "rational", "recurrent_rational"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    agents = {}
    for act in (BASE, *options.activations):
        config = compose_config(["env=Pong", f"act={act}", "env.num_envs=1"])
        games = make_envs(config.env, 1, (0,))
        agents[act] = make_agent(config, games, torch.device("cpu"))
    batch = random_batch((games.stack, *games.frame_shape), games.num_actions)
    times: dict[str, list[float]] = {act: [] for act in agents}
    for turn in range(options.turns + 3):
        for act, agent in agents.items():
            start = time.perf_counter()
            agent.update(batch, measure_norm=False)
            if turn >= 3:
                times[act].append(time.perf_counter() - start)
    print(f"torch {torch.__version__}, {options.threads} threads, {options.turns} turns")
    print(f"{'':24}{'ms':>9}{'ratio':>9}{'quartiles':>16}")
    for act, values in times.items():
        low, ratio, high = statistics.quantiles([t / base for t, base in zip(values, times[BASE], strict=True)], n=4)
        print(f"{act:24}{statistics.median(values) * 1e3:9.1f}{ratio:9.3f}{f'{low:.3f} to {high:.3f}':>16}")


if __name__ == "__main__":
    main()
