"""Time of several seeds of a continual task that are trained as one program (stack_seeds), beside that of one run.

    OMP_NUM_THREADS=1 python scripts/bench/stacked.py [--seeds 10] [--rounds 7]

The network and the task are those of the plasticity study, one thread. Evaluations and logs are left out: they are the
same work for each run either way. One run trains alone, then the stack does, in turns; the time is that of the
processor. A ratio is that of the same round, the median with the quartiles.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time

import torch

from rrn.agents import make_learner, make_stack
from rrn.agents.learner import Learner
from rrn.common.device import denormals_as_zero
from rrn.config.compose import compose_config
from rrn.envs import make_envs

WORDS = ["task=random_labels", "task.data=gaussian", "network=mlp", "network.widths=[100,100]", "device=cpu"]
ACTS = (["act=relu"], ["act=relu", "network.norm=layer"], ["act=crelu_equal"], ["act=rational"])
ACTS += (["act=recurrent_rational"],)
UPDATES = 200  # of a turn


def learner_for(words: list[str], seed: int) -> Learner:
    """Make the learner of a run before training."""
    torch.manual_seed(seed)
    config = compose_config([*WORDS, *words, f"seed={seed}"])
    return make_learner(config, make_envs(config.env, 1, (seed, 0)), torch.device("cpu"))


class Alone:
    """One run, trained update by update."""

    def __init__(self, words: list[str]):
        self.learner, self.step = learner_for(words, 0), 0

    def train(self) -> None:
        """Make the updates of a turn."""
        for _ in range(UPDATES):
            self.learner.training_step(self.step, False)
            self.step += 1


class Together:
    """Several seeds, trained as one program."""

    def __init__(self, words: list[str], seeds: int):
        learners = [learner_for(words, seed) for seed in range(seeds)]
        self.stack, self.step = make_stack(learners, compose_config([*WORDS, *words])), 0

    def train(self) -> None:
        """Make the updates of a turn, in parts as a run makes them."""
        end = self.step + UPDATES
        while self.step < end:
            done, _ = self.stack.train(self.step, min(100, end - self.step), False)
            self.step += done


def seconds(side: Alone | Together) -> float:
    """Time of the processor for one turn."""
    before = time.process_time()
    side.train()
    return time.process_time() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{platform.machine()}, 1 thread, torch {torch.__version__}, {options.rounds} rounds, {UPDATES} updates a turn"
    )
    print(f"{'':38}{'ms an update':>14}{f'of {options.seeds} stacked':>15}{'ratio':>8}{'quartiles':>15}")
    with denormals_as_zero():
        for words in ACTS:
            sides = Alone(words), Together(words, options.seeds)
            for side in sides:
                side.train()
            times = [[seconds(side) for side in sides] for _ in range(options.rounds)]
            low, ratio, high = statistics.quantiles([together / alone for alone, together in times], n=4)
            one, all_ = (1000 * statistics.median(column) / UPDATES for column in zip(*times, strict=True))
            print(
                f"{' '.join(words):38}{one:14.2f}{all_:15.2f}{ratio:8.2f}{f'{low:.2f} to {high:.2f}':>15}", flush=True
            )


if __name__ == "__main__":
    main()
