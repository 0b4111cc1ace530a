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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

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

    @property
    def stop_file(self) -> Path:
        return self.folder / "stop"

    def begun_file(self, number: int) -> Path:
        return self.folder / f"{number}.begun"

    def outcome_file(self, number: int) -> Path:
        return self.folder / f"{number}.json"


def run_job(composed: DictConfig, shared: SweepContext) -> None:
    """Train one run and write its outcome to the folder of the sweep; no exception leaves this function."""
    number = HydraConfig.get().job.num
    if shared.ray_cwd is not None:
        os.chdir(shared.ray_cwd)
    try:
        state, why = _run(composed, shared, number)
    except UserError as error:
        state, why = "failed", str(error)
    except Exception as error:  # a bug of rrn: the traceback is in output.log
        state, why = "failed", f"{type(error).__name__}: {error}".splitlines()[0]
    write_atomic(shared.outcome_file(number), json.dumps({"state": state, "why": why}))
    if not shared.jobs and not is_running(shared.parent):
        os._exit(1)  # the command was killed; otherwise this worker of joblib would wait for minutes


def _run(composed: DictConfig, shared: SweepContext, number: int) -> tuple[str, str | None]:
    config = to_config(composed)
    begun = shared.begun_file(number)
    if begun.exists():  # the cluster took the machine away, and starts the job again
        config.resume = True
    if is_finished(config):
        return "done", None
    if (stopped := requested_signal(shared.stop_file)) is not None:
        return "stopped", f"{signal.Signals(stopped).name}, before it {'went on' if begun.exists() else 'began'}"
    begun.touch()
    if shared.gpus and config.device == "auto":
        config.device = f"cuda:{number % shared.gpus}"
    return _in_a_job(config, shared) if shared.jobs else _in_a_child(config, shared)


def start_run(config: Config, command: str, stop_file: Path, output: IO[str]) -> subprocess.Popen:
    """Start a process that trains a run and stops, with a checkpoint, when `stop_file` appears or this process ends.

    Args:
        config: of the run.
        command: the command line that goes on with it, for what the run prints.
        stop_file: see `request_stop`.
        output: gets what is printed before the run has an output.log.
    """
    task = {"config": OmegaConf.to_yaml(config), "command": command}
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
    """Return the state of a run whose process has ended, and why it ended; the arguments are those of `start_run`."""
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


def _in_a_child(config: Config, shared: SweepContext) -> tuple[str, str | None]:
    """Start a process, wait for it, and return the state of its run and why it ended."""
    if os.getpid() != shared.parent:  # a Ctrl-C reaches this worker too, but the command stops the run
        for ignored in stopping_signals():
            signal.signal(ignored, signal.SIG_IGN)
    with TemporaryFile("w+", encoding="utf-8", errors="backslashreplace") as output:
        child = start_run(config, run_command(), shared.stop_file, output)
        while True:
            try:
                child.wait(timeout=1)
                return outcome(child, config, shared.stop_file, output)
            except subprocess.TimeoutExpired:
                if not is_running(shared.parent) and shared.folder.is_dir():
                    request_stop(shared.stop_file, signal.SIGTERM)


def _killed_by(code: int) -> str:
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return f"{name}{', perhaps by the system for lack of memory' if name == 'SIGKILL' else ''}"


def _in_a_job(config: Config, shared: SweepContext) -> tuple[str, str | None]:
    """Train in this process; if the cluster wants its machine back, submitit puts the job in the queue again."""
    from rrn.training.run import train

    wanted_back = None
    if shared.ray_cwd is None:
        from submitit import JobEnvironment

        wanted_back = JobEnvironment._usr_sig()
    stopped_by = train(config, run_command(), StopSignals(shared.stop_file, wanted_back))
    if stopped_by and stopped_by == wanted_back:
        signal.raise_signal(wanted_back)  # submitit's handler ends this process
    return ("stopped", signal.Signals(stopped_by).name) if stopped_by else ("done", None)


def main() -> None:
    """Train the run that the JSON on standard input describes."""
    from rrn.training.run import train  # imports torch, which the parent process does not need

    task = json.loads(sys.stdin.read())
    config = to_config(OmegaConf.create(task["config"]))
    with cli_errors():
        stopped_by = train(config, task["command"], StopSignals(Path(task["stop_file"]), parent=task["parent"]))
    if stopped_by:
        raise SystemExit(128 + stopped_by)


if __name__ == "__main__":
    main()
