"""Train one run of a sweep in its own process, so that what ends it ends no other run.

Hydra's launchers call `run_job`: joblib in its workers, submitit in the jobs of a cluster, Ray in its tasks. A worker
of joblib starts `python -m rrn.sweeps.worker`, which trains; a job or task is a process of its own already, and trains
itself. One that the cluster loses is started again, and the run goes on from its last checkpoint.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from rrn.common.console import cli_errors
from rrn.common.errors import UserError
from rrn.common.files import write_atomic
from rrn.config import Config
from rrn.config.compose import run_command
from rrn.config.load import to_config
from rrn.runs.folder import is_finished
from rrn.runs.signals import StopSignals, request_stop, requested_signal, stopping_signals
from rrn.runs.status_file import is_running, read_status


@dataclass(frozen=True)
class SweepContext:
    """Data that the processes of one sweep share."""

    folder: Path  # for the files below, within that of the sweep; all machines see it
    parent: int  # process id of the command
    jobs: bool  # the launcher starts a process for each run, here or on a cluster
    gpus: int = 0  # GPUs to assign to the runs in turn; 0: each run sees those that it may use
    ray_cwd: Path | None = None  # of the command, if the launcher is Ray, whose processes begin elsewhere
    # runs that are trained as one program: number of the first to the numbers and configurations, as YAML, of all
    stacks: dict[int, dict[int, str]] = field(default_factory=dict)

    @property
    def stop_file(self) -> Path:
        return self.folder / "stop"

    def begun_file(self, number: int) -> Path:
        return self.folder / f"{number}.begun"

    def outcome_file(self, number: int) -> Path:
        return self.folder / f"{number}.json"


def run_job(composed: DictConfig, shared: SweepContext) -> None:
    """Train one run, or the stack that it is the first of, and write each outcome to the folder of the sweep.

    No exception leaves this function.
    """
    number = HydraConfig.get().job.num
    if shared.ray_cwd is not None:
        os.chdir(shared.ray_cwd)
    stack = next((runs for runs in shared.stacks.values() if number in runs), {number: None})
    if number != next(iter(stack)):
        return
    try:
        configs = {each: to_config(composed) if text is None else _read(text) for each, text in stack.items()}
        outcomes = _run(configs, shared)
    except UserError as error:
        outcomes = dict.fromkeys(stack, ("failed", str(error)))
    except Exception as error:  # a bug of rrn: the traceback is in output.log
        outcomes = dict.fromkeys(stack, ("failed", f"{type(error).__name__}: {error}".splitlines()[0]))
    for each, (state, why) in outcomes.items():
        write_atomic(shared.outcome_file(each), json.dumps({"state": state, "why": why}))
    if not shared.jobs and not is_running(shared.parent):
        os._exit(1)  # the command was killed; otherwise this worker of joblib would wait for minutes


def _run(configs: dict[int, Config], shared: SweepContext) -> dict[int, tuple[str, str | None]]:
    """Train runs by their numbers as one program; return the state of each and why it ended."""
    begun = any(shared.begun_file(number).exists() for number in configs)
    outcomes: dict[int, tuple[str, str | None]] = {}
    left: dict[int, Config] = {}
    for number, config in configs.items():
        if begun:  # the cluster took the machine away, and starts the job again
            config.resume = True
        if is_finished(config):
            outcomes[number] = "done", None
        else:
            left[number] = config
    if (stopped := requested_signal(shared.stop_file)) is not None:
        why = f"{signal.Signals(stopped).name}, before it {'went on' if begun else 'began'}"
        return outcomes | dict.fromkeys(left, ("stopped", why))
    for number, config in left.items():
        shared.begun_file(number).touch()
        if shared.gpus and config.device == "auto":
            config.device = f"cuda:{min(left) % shared.gpus}"
    if left:
        train = _in_a_job if shared.jobs else _in_a_child
        outcomes |= zip(left, train(list(left.values()), shared), strict=True)
    return outcomes


def start_runs(configs: Sequence[Config], command: str, stop_file: Path, output: IO[str]) -> subprocess.Popen:
    """Start a process that trains a run and stops, with a checkpoint, when `stop_file` appears or this process ends.

    Args:
        configs: of the run, or of several to be trained as one program.
        command: the command line that goes on with it, for what the run prints.
        stop_file: see `request_stop`.
        output: gets what is printed before the run has an output.log.
    """
    task = {"configs": [OmegaConf.to_yaml(config) for config in configs], "command": command}
    child = subprocess.Popen(
        [sys.executable, "-m", "rrn.sweeps.worker"],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:backslashreplace"},  # of what is read here, and of output.log
    )
    assert child.stdin is not None
    with suppress(BrokenPipeError), child.stdin as pipe:  # it ended at once; its output says why
        json.dump(task | {"stop_file": str(stop_file), "parent": os.getpid()}, pipe)
    return child


def outcome(child: subprocess.Popen, config: Config, stop_file: Path, output: IO[str]) -> tuple[str, str | None]:
    """Return the state of a run whose process has ended, and why it ended; the arguments are those of `start_runs`."""
    status = read_status(Path(config.run_dir))
    if status is not None and status.pid == child.pid:
        if status.state == "killed" and requested_signal(stop_file):
            return "stopped", "at once, without a checkpoint"
        if status.state == "killed":
            return "killed", _killed_by(child.returncode)
        return status.state, status.why
    if child.returncode < 0:
        return "killed", _killed_by(child.returncode)
    output.seek(0)
    printed = output.read().strip().splitlines() or [f"exit code {child.returncode}"]
    return "failed", printed[-1].removeprefix("error: ")


def _in_a_child(configs: list[Config], shared: SweepContext) -> list[tuple[str, str | None]]:
    """Start a process, wait for it, and return the state of each of its runs and why it ended."""
    if os.getpid() != shared.parent:  # a Ctrl-C reaches this worker too, but the command stops the run
        for ignored in stopping_signals():
            signal.signal(ignored, signal.SIG_IGN)
    with TemporaryFile("w+", encoding="utf-8", errors="backslashreplace") as output:
        child = start_runs(configs, run_command(), shared.stop_file, output)
        while True:
            try:
                child.wait(timeout=1)
                return [outcome(child, config, shared.stop_file, output) for config in configs]
            except subprocess.TimeoutExpired:
                if not is_running(shared.parent) and shared.folder.is_dir():
                    request_stop(shared.stop_file, signal.SIGTERM)


def _killed_by(code: int) -> str:
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return f"{name}{', perhaps by the system for lack of memory' if name == 'SIGKILL' else ''}"


def _in_a_job(configs: list[Config], shared: SweepContext) -> list[tuple[str, str | None]]:
    """Train in this process; if the cluster wants its machine back, submitit puts the job in the queue again."""
    wanted_back = None
    if shared.ray_cwd is None:
        from submitit import JobEnvironment

        wanted_back = JobEnvironment._usr_sig()
    stopped_by = _train(configs, run_command(), StopSignals(shared.stop_file, wanted_back))
    if stopped_by and stopped_by == wanted_back:
        signal.raise_signal(wanted_back)  # submitit's handler ends this process
    if len(configs) > 1:  # some may have failed alone
        statuses = [read_status(Path(config.run_dir)) for config in configs]
        return [("failed", "it did not begin") if one is None else (one.state, one.why) for one in statuses]
    return [("stopped", signal.Signals(stopped_by).name) if stopped_by else ("done", None)]


def _train(configs: Sequence[Config], command: str, stop: StopSignals) -> int | None:
    """Train a run, or several as one program; return the signal that stopped them."""
    # they import torch, which the parent process does not need
    if len(configs) > 1:
        from rrn.training.stacked import train_stacked

        return train_stacked(configs, command, stop)
    from rrn.training.run import train

    return train(configs[0], command, stop)


def _read(text: str) -> Config:
    """Read a configuration from YAML."""
    return to_config(cast(DictConfig, OmegaConf.create(text)))


def main() -> None:
    """Train the runs that the JSON on standard input describes."""
    task = json.loads(sys.stdin.read())
    configs = [_read(text) for text in task["configs"]]
    with cli_errors():
        stopped_by = _train(configs, task["command"], StopSignals(Path(task["stop_file"]), parent=task["parent"]))
    if stopped_by:
        raise SystemExit(128 + stopped_by)


if __name__ == "__main__":
    main()
