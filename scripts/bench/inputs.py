"""What it costs to watch the activations: recording inputs beside a plain forward pass, one snapshot, and what a run
does at each evaluation, as a share of the training between two of them at default settings.

python scripts/bench/inputs.py
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

import rrn
from rrn.activations.registry import make_activations
from rrn.config.compose import compose_config
from rrn.networks.cnn import AtariNetwork
from rrn.training.trainer import Trainer

ROUNDS = 101
STEPS = 400  # of training, timed


@torch.no_grad()
def main() -> None:
    print(f"{torch.get_num_threads()} threads; medians of {ROUNDS} interleaved rounds, with quartiles")
    network = AtariNetwork((84, 84), 4, 6, make_activations("recurrent_rational", len(AtariNetwork.widths))).eval()
    states = torch.randint(0, 256, (32, 4, 84, 84), dtype=torch.uint8)
    recording = rrn.record_inputs(network)
    with recording:
        network(states)  # the ranges are chosen, the counts are made
    ratios = []
    for _ in range(ROUNDS):
        plain = seconds(lambda: network(states))
        with recording:
            ratios.append(seconds(lambda: network(states)) / plain)
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"DQN network, 32 observations, forward with recording / without: {middle:.3f} ({low:.3f} to {high:.3f})")
    line = rrn.snapshot(network).to_json()
    taken = statistics.median(seconds(lambda: rrn.snapshot(network).to_json()) for _ in range(ROUNDS))
    print(f"one snapshot, as a line of {len(line) / 1e3:.1f} kB: {taken * 1e3:.2f} ms")


def share_of_a_run() -> None:
    settings = ["env=Pong", "act=recurrent_rational", "agent.replay_capacity=2000", "agent.warmup=500"]
    config = compose_config([*settings, f"steps={STEPS}"])
    every = compose_config(["env=Pong"]).evaluation.every
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(config, Path(folder), lambda: False)
        # its time is not that of training
        trainer._evaluate = lambda: setattr(trainer, "evaluated", trainer.step) or True
        trainer._save = lambda: None
        rate = (STEPS + config.agent.warmup) / seconds(trainer.run)  # too high: random play is quicker
        trainer.records = trainer._begin_or_go_on()
        drawn = statistics.median(
            seconds(lambda: trainer.evaluator.draw(trainer.step, trainer.records)) for _ in range(5)
        )
    print(f"snapshot, figure and their files: {drawn:.2f} s at each evaluation; {every} steps between two take")
    print(f"{every / rate:.0f} s or more, so they cost {drawn / (every / rate):.2%} of a run at most")


def seconds(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
    share_of_a_run()
