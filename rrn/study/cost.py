"""Estimate what a run costs on this machine: speed and disk space, from runs made here or measured in seconds."""

from __future__ import annotations

import json
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rrn.config import Config
from rrn.runs.checkpoint_files import find
from rrn.runs.status_file import Status, seconds_between
from rrn.study.plan import Method, Part, PlannedRun, transitions

if TYPE_CHECKING:
    from rrn.agents.base import Agent

SECONDS = 4.0  # of each measurement
LEAST = 60.0  # seconds of training after which a run shows its speed
FEWER = {"replay_capacity": 20_000, "buffer_size": 20_000, "warmup": 2_000, "learning_starts": 2_000}


@dataclass(frozen=True)
class Cost:
    """Cost of a run of one method, with one thread."""

    rate: float  # agent steps of training a second, with the evaluations in between
    disk: int | None  # bytes of the checkpoints of a run; None: not known
    how: str  # source of these numbers, for the user
    transitions: int = 0  # in the replay buffer of that run

    def disk_of(self, run: PlannedRun) -> int | None:
        """Estimate the bytes of the checkpoints of a run, in proportion to its replay buffer; None if not known."""
        if self.disk is None or not self.transitions:
            return self.disk
        return int(self.disk * run.transitions / self.transitions)


def from_runs(runs: Sequence[tuple[PlannedRun, Status]], keep: int) -> Cost | None:
    """Estimate the cost from runs made on this machine; None if none of them trained for a minute.

    Args:
        runs: of one method, with their status; the median speed counts.
        keep: number of checkpoints of a run; the largest one counts.
    """
    host = socket.gethostname()
    made = [(run, status) for run, status in runs if status.host == host and seconds_between(status) >= LEAST]
    rates = [status.steps_per_second for _, status in made if status.steps_per_second]
    if not rates:
        return None
    how = "1 run on this machine"
    if len(rates) > 1:
        how = f"median of {len(rates)} runs on this machine, {min(rates):,.0f} to {max(rates):,.0f}"
    sizes = []
    for run, _ in made:
        for path in find(run.folder / "checkpoints"):
            with suppress(OSError):  # a run that goes on deletes the oldest
                sizes.append((path.stat().st_size, run.transitions))
    size, held = max(sizes, default=(None, 0))
    return Cost(rate=statistics.median(rates), disk=size and size * keep, how=how, transitions=held)


def measured(part: Part, method: Method, say: Callable[[str], None], anew: bool = False) -> Cost:
    """Return the cost measured on this machine, on the first game of the part; measure it if that was not done before.

    Args:
        part: of the study.
        method: to measure.
        say: prints a line before measuring.
        anew: measure again.
    """
    game = part.plan.games[0]
    key = " ".join([socket.gethostname(), version("rrn"), game, method.name, *part.plan.overrides, *part.overrides])
    known = _read()
    if key not in known or anew:
        say(f"measuring the speed of {method.name} on {game}, {2 * SECONDS:.0f} seconds")
        known[key] = measure(part.configuration(game, method))
        with suppress(OSError):  # without the file, the next call measures again
            _file().parent.mkdir(parents=True, exist_ok=True)
            _file().write_text(
                json.dumps({key: asdict(cost) for key, cost in known.items()}, indent=1), encoding="utf-8"
            )
    return known[key]


def measure(config: Config) -> Cost:
    """Measure the cost of a run: train with a small replay buffer, then act as evaluations do, SECONDS each."""
    import torch  # takes seconds, as the other imports here, and a listing does not need them

    from rrn.agents import make_learner
    from rrn.common.device import pick_device
    from rrn.envs import make_envs

    capacity = transitions(config)
    for name, value in FEWER.items():
        if hasattr(config.agent, name):
            setattr(config.agent, name, value)
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads or 1)
    try:
        games = make_envs(config.env, config.env.num_envs, (config.seed, 0))
        learner = make_learner(config, games, pick_device(config.device))
        while learner.warming_up:
            learner.warmup_step()
        step = 0

        def train() -> int:
            nonlocal step
            learner.training_step(step, False)
            step += learner.steps_per_call
            return learner.steps_per_call

        train()
        seconds = 1 / _rate(train)
        seconds += _evaluation_share(config) / _acting_rate(config, learner.agent)
        agent_bytes, learner_bytes = _bytes(learner.agent.state_dict()), _bytes(learner.state_dict())
    finally:
        torch.set_num_threads(threads)
    held = min(FEWER["warmup"] + step, FEWER["replay_capacity"])  # transitions in the replay buffer
    disk = (agent_bytes + learner_bytes * max(capacity / held, 1)) * config.checkpoint.keep
    how = f"measured on {config.env.name}, {date.today():%d %B %Y}"
    return Cost(rate=1 / seconds, disk=int(disk), how=how, transitions=capacity)


def _bytes(state: dict) -> int:
    """Measure the size of a checkpoint of this state."""
    from rrn.runs import checkpoint

    with tempfile.TemporaryDirectory() as folder:
        return checkpoint.save(Path(folder), 0, {"state": state}, 1).stat().st_size


def _acting_rate(config: Config, agent: Agent) -> float:
    """Measure the agent steps a second in games of an evaluation."""
    from rrn.envs import make_envs

    games = make_envs(config.env, config.evaluation.num_envs, (config.seed, 1))
    observations = games.reset((config.seed, 1))

    def act() -> int:
        nonlocal observations
        observations = games.step(agent.act(observations, config.evaluation.epsilon)).observations
        return games.num_envs

    return _rate(act)


def _evaluation_share(config: Config) -> float:
    """Return the agent steps of evaluation for each one of training; whole games count as 1,000 steps."""
    evaluation = config.evaluation
    steps = evaluation.steps if evaluation.episodes is None else 1_000 * evaluation.episodes
    return (steps or 0) / evaluation.every


def _rate(advance: Callable[[], int]) -> float:
    """Measure the steps a second of a function that returns how many it took."""
    began, taken = time.monotonic(), 0
    while time.monotonic() < began + SECONDS:
        taken += advance()
    return taken / (time.monotonic() - began)


def _file() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rrn" / "speed.json"


def _read() -> dict[str, Cost]:
    try:
        costs = {key: Cost(**value) for key, value in json.loads(_file().read_text(encoding="utf-8")).items()}
        return {key: cost for key, cost in costs.items() if cost.rate > 0}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
