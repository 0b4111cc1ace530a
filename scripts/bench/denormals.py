"""What rrn.common.device.denormals_as_zero saves in an update of DQN, after training without it.

    python scripts/bench/denormals.py [--envs MinAtar-Breakout Pong] [--steps 50000 10000] [--threads 1]

An agent with relu trains for some agent steps as torch is by default. Two copies of it then make the same updates, one
in each mode, in turns within one process. Shown are the share of denormal numbers in Adam's averages after that
training, the median time of an update in both modes, and the median, with the quartiles, of the ratios within a turn.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from contextlib import nullcontext

import torch

from rrn.agents import make_learner
from rrn.agents.base import Agent
from rrn.common.device import denormals_as_zero
from rrn.config.compose import compose_config
from rrn.envs import make_envs

TURNS, SETTLING = 300, 10
MODES = {"as they are": nullcontext, "taken as 0": denormals_as_zero}


def share_of_denormals(agent: Agent) -> float:
    """Of the numbers in Adam's averages."""
    tiny = torch.finfo(torch.float32).tiny
    averages = [state[name] for state in agent.optimiser.state.values() for name in ("exp_avg", "exp_avg_sq")]
    found = sum(int(((a != 0) & (a.abs() < tiny)).sum()) for a in averages)
    return found / sum(a.numel() for a in averages)


def measure(env: str, steps: int) -> None:
    config = compose_config([f"env={env}", "agent=dqn", "act=relu", "agent.warmup=1000", "agent.replay_capacity=20000"])
    games = make_envs(config.env, config.env.num_envs, (config.seed, 0))
    learner = make_learner(config, games, torch.device("cpu"))
    while learner.warming_up:
        learner.warmup_step()
    for step in range(0, steps, learner.steps_per_call):
        learner.training_step(step, False)
    share = share_of_denormals(learner.agent)
    agents = {mode: copy.deepcopy(learner.agent) for mode in MODES}
    times: dict[str, list[float]] = {mode: [] for mode in MODES}
    for turn in range(SETTLING + TURNS):
        batch = learner.replay.sample(config.agent.batch_size, learner.agent.generator)
        for mode, context in MODES.items():
            with context():
                start = time.perf_counter()
                agents[mode].update(batch)
                if turn >= SETTLING:
                    times[mode].append(time.perf_counter() - start)
    plain, flushed = times.values()
    low, ratio, high = statistics.quantiles([b / a for a, b in zip(plain, flushed, strict=True)], n=4)
    same = all(map(torch.equal, *(agent.network.state_dict().values() for agent in agents.values())))
    print(
        f"{env}, after {steps} agent steps, {share:.1%} of Adam's averages denormal: "
        f"{statistics.median(plain) * 1e3:.2f} ms, {statistics.median(flushed) * 1e3:.2f} ms, "
        f"ratio {ratio:.2f} ({low:.2f} to {high:.2f}); {'the same weights' if same else 'weights differ'}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--envs", nargs="+", default=["MinAtar-Breakout", "Pong"])
    parser.add_argument("--steps", nargs="+", type=int, default=[50_000, 10_000])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} threads, {TURNS} turns")
    for env, steps in zip(options.envs, options.steps, strict=True):
        measure(env, steps)


if __name__ == "__main__":
    main()
