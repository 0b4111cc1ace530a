"""Train several runs at once: `python -m rrn.train -m`, with the launchers of Hydra.

This is the command's side: share out cores and GPUs, show what the runs do, pass Ctrl-C on to all of them, report at
the end how each ended. The side of one run is rrn/sweeps/worker.py.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any

import hydra
import psutil
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig

from rrn.common.console import Screen, detach_output, print_in_signal_handler, terminal_size
from rrn.common.errors import UserError, first_line
from rrn.common.extras import MissingPackage
from rrn.common.numbers import plural
from rrn.config import Config
from rrn.config.compose import command_text
from rrn.config.register import conf_dir
from rrn.runs.folder import can_go_on, is_finished
from rrn.runs.signals import HANG_UP, request_stop, stopping_signals
from rrn.runs.status_file import is_running, read_status
from rrn.runs.table import Row, table
from rrn.sweeps.launchers import ON_A_CLUSTER, PLUGINS, check_launcher, number_of_jobs
from rrn.sweeps.ray_cluster import connect, ray_settings
from rrn.sweeps.resources import count_gpus, max_parallel_runs
from rrn.sweeps.stacks import stacks
from rrn.sweeps.worker import SweepContext, run_job

STOP_WITH = "RRN_STOP_WITH"  # environment variable: id of a process; the sweep stops when that ends
REFRESH, PRINT = 1.0, 300.0  # seconds between two tables on a terminal, and in a file
QUIET = 10.0  # seconds in which nothing runs, after which a sweep that lost its launcher is over


def prepare(overrides: list[str], configs: list[Config]) -> Sweep:
    """Check what concerns all runs together, and choose what the command line leaves open.

    Args:
        overrides: settings of the command line.
        configs: configuration of each run, in Hydra's order.

    Raises:
        UserError: the launcher cannot work here, or two runs would share a folder.
    """
    for folder, number in Counter(config.run_dir for config in configs).items():
        if number > 1:
            raise UserError(
                f"{folder}: {number} of the runs would share this folder; put what differs into run_dir, "
                "such as run_dir='runs/${agent.learning_rate}/seed${seed}'."
            )
    given = {text.partition("=")[0].lstrip("+"): text.partition("=")[2] for text in overrides}
    known = GlobalHydra.instance().config_loader().get_group_options("hydra/launcher")
    launcher = given.get("hydra/launcher")
    added: dict[str, Any] = {}
    if launcher is None:
        launcher = "local" if "joblib" in known else "basic"
        added["hydra/launcher"] = launcher
        if launcher == "basic":
            why = MissingPackage("a sweep with several runs at once", "hydra-joblib-launcher", "sweep")
            print(f"one run after the other; {why}", file=sys.stderr)
    check_launcher(launcher, known)
    plugin = PLUGINS.get(launcher, launcher)
    at_once, gpus = 1, 0
    if launcher != "basic" and "threads" not in given:
        added["threads"] = 1
        configs = [replace(config, threads=1) for config in configs]
    stacked = stacks(configs)
    if plugin in ("joblib", "ray"):
        gpus = count_gpus() if plugin == "joblib" and configs[0].device == "auto" else 0
        alone = set(range(len(configs))).difference(*stacked.values()).union(stacked)  # a process for each of these
        at_once = max_parallel_runs([configs[number] for number in alone if not is_finished(configs[number])], gpus)
    if plugin == "joblib":
        if "hydra.launcher.n_jobs" in given:
            at_once = number_of_jobs(given["hydra.launcher.n_jobs"], at_once)
        else:
            added["hydra.launcher.n_jobs"] = at_once
    if "hydra.sweep.dir" not in given:
        added["hydra.sweep.dir"] = f"runs/.sweeps/{datetime.now():%Y-%m-%d_%H-%M-%S}_{os.getpid()}"
    folder = added.get("hydra.sweep.dir") or given["hydra.sweep.dir"]
    if "${" in folder:
        raise UserError(f"hydra.sweep.dir: expected a folder without ${{...}}, got {folder}.")
    if plugin == "ray" and "hydra.sweep.dir" in added:  # whose processes begin in another folder
        added["hydra.sweep.dir"] = "'{}'".format(str(Path(folder).absolute()).replace("'", r"\'"))
    shared = SweepContext(
        folder=Path(folder).absolute() / ".rrn",
        parent=os.getpid(),
        jobs="submitit" in plugin or plugin == "ray",
        gpus=gpus,
        ray_cwd=Path.cwd() if plugin == "ray" else None,
        stacks=stacked,
    )
    return Sweep(
        overrides=overrides,
        added=[f"{key}={value}" for key, value in added.items()],
        configs=configs,
        shared=shared,
        launcher=launcher,
        at_once=at_once,
        ray=ray_settings(overrides) if plugin == "ray" else None,
    )


@dataclass
class Sweep:
    """Train all runs of one command."""

    overrides: list[str]  # settings of the command line
    added: list[str]  # settings that were chosen here
    configs: list[Config]  # configuration of each run
    shared: SweepContext  # what the processes know of each other
    launcher: str  # name of Hydra's launcher
    at_once: int  # parallel runs, for the line that reports it
    ray: DictConfig | None = None  # settings of the launcher ray

    def __post_init__(self) -> None:
        self.signal: int | None = None
        self.started = datetime.now().astimezone().replace(microsecond=0)
        self.over = threading.Event()

    def run(self) -> int:
        """Train all runs and return the exit code: 0 if each is done, 128 + the signal that stopped them, or 1.

        Raises:
            UserError: the launcher could start no run.
        """
        try:
            self.shared.folder.mkdir(parents=True, exist_ok=True)
            for path in self.shared.folder.iterdir():  # of an earlier command with the same hydra.sweep.dir
                path.unlink()
        except OSError as error:
            raise UserError(
                f"{self.shared.folder}: {error.strerror}; set hydra.sweep.dir to another folder."
            ) from error
        if self._say_what_begins() == 0:
            return 0
        before = {number: signal.signal(number, self._handle) for number in stopping_signals()}
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        try:
            trouble = self._launch()
            if trouble and any(row.state != "waiting" for row in self.rows()):
                self._wait_for_the_rest()
        finally:
            self.over.set()
            watcher.join()
            for number, handler in before.items():
                signal.signal(number, handler)
        return self._say_what_became(trouble)

    def _launch(self) -> str | None:
        """Let Hydra start the runs; return a sentence if the launcher itself failed, else None."""
        shared = self.shared

        @wraps(run_job)  # Hydra takes the name of the job from its module
        def task(composed: DictConfig) -> None:
            return run_job(composed, shared)

        first = sys.argv.index(self.overrides[0]) if self.overrides else len(sys.argv)
        sys.argv[first:first] = self.added
        os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here instead of being printed
        try:
            hydra.main(config_path=conf_dir(), config_name="config", version_base="1.3")(task)()
        except HydraException as error:
            return first_line(error)
        except Exception as error:
            if type(error).__name__ == "TerminatedWorkerError":  # from joblib, which then kills the other workers too
                return "a process of the sweep was killed, perhaps by the system for lack of memory, and ended the rest"
            if self.ray is not None and any(row.state != "waiting" for row in self.rows()):
                return f"Ray gave a run up: {first_line(error)}"
            if any(row.state != "waiting" for row in self.rows()):
                return "a job ended without a result; its output.log and the files in its .submitit folder may say why"
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            return f"hydra/launcher={self.launcher}: {(lines or [type(error).__name__])[-1]}"  # the system's message
        return None

    def _wait_for_the_rest(self) -> None:
        """Wait for runs that go on after their launcher failed, until none was running for QUIET seconds.

        Runs of joblib lose their parent process, and stop.
        """
        quiet = 0.0  # seconds without a running run
        while quiet < QUIET and any(row.state in ("running", "waiting") for row in self.rows()):
            time.sleep(REFRESH)
            quiet = 0.0 if any(row.state == "running" for row in self.rows()) else quiet + REFRESH

    def _handle(self, number: int, frame: object) -> None:
        """Stop all runs: at the first signal with a checkpoint each, at the second one at once."""
        if number == HANG_UP:
            detach_output()
        if self.signal is None:
            self.signal = number
            request_stop(self.shared.stop_file, number)
            if not sys.stderr.isatty():
                print_in_signal_handler("stopping all runs, each with a checkpoint")
            return
        if number == HANG_UP:
            return
        for number, row in enumerate(self.rows()):
            ours = self.shared.begun_file(number).exists()  # else it belongs to another command in this folder
            if ours and row.state == "running" and row.status.host == socket.gethostname():
                with suppress(psutil.Error):
                    psutil.Process(row.status.pid).kill()

    def _watch(self) -> None:
        screen, shown = Screen(sys.stderr), time.monotonic()
        while not self.over.wait(REFRESH):
            if self.signal is None and STOP_WITH in os.environ and not is_running(int(os.environ[STOP_WITH])):
                self._handle(signal.SIGTERM, None)
            if not screen.live and time.monotonic() < shown + PRINT:
                continue
            shown = time.monotonic()
            lines = table(self.rows(), *terminal_size(sys.stderr))
            if self.signal is not None:
                lines[0] = "stopping all runs, each with a checkpoint; Ctrl-C again: at once, without"
            screen.draw(lines)
        screen.clear()

    def rows(self, at_the_end: bool = False) -> list[Row]:
        """Return a row for each run: what it is doing, or how it ended."""
        return [self._row(number, Path(config.run_dir), at_the_end) for number, config in enumerate(self.configs)]

    def _row(self, number: int, folder: Path, at_the_end: bool) -> Row:
        status = read_status(folder)
        outcome = self.shared.outcome_file(number)
        if outcome.exists():
            values = json.loads(outcome.read_text(encoding="utf-8"))
            return Row(folder, values["state"], values["why"], status)
        if status is not None and datetime.fromisoformat(status.started) >= self.started:
            return Row(folder, status.state, status.why, status)
        return Row(folder, "waiting", "it did not begin" if at_the_end else None, status)

    def _say_what_begins(self) -> int:
        """Print how many runs are left, and how many at a time, for which Ray starts; return the first number."""
        finished = [config.run_dir for config in self.configs if is_finished(config)]
        for folder in finished:
            print(f"finished before: {folder}")
        left = len(self.configs) - len(finished)
        if left and self.ray is not None:
            self.at_once = min(left, connect(self.ray, self.at_once))
        where = f"{self.at_once} at a time" if self.at_once else "as the cluster grows"
        if self.launcher in ON_A_CLUSTER:
            where = "in the queue of the cluster"
        if self.launcher == "submitit_local":
            where = "all at a time"
        threads = ", each with threads=1" if "threads=1" in self.added else ""
        stacks = f" in stacks of up to {max(map(len, self.shared.stacks.values()))}" if self.shared.stacks else ""
        if left:
            print(
                f"{plural(left, 'run')}{stacks}, {where}{threads}; output of each: output.log in its folder", flush=True
            )
        return left

    def _say_what_became(self, trouble: str | None) -> int:
        rows = self.rows(at_the_end=True)
        states = Counter(row.state for row in rows)
        if trouble and self.signal is None:
            if states["waiting"] == len(rows):
                raise UserError(trouble)
            print(f"error: {trouble}", file=sys.stderr)
        print("\n".join(table(rows, terminal_size(sys.stdout)[0])))
        if states["done"] == len(rows):
            return 0
        left = [config for config, row in zip(self.configs, rows, strict=True) if row.state != "done"]
        foreign = [config.run_dir for config in left if not can_go_on(config)]
        if foreign:
            print(
                f"{len(foreign)} of them cannot go on in their folders, which hold runs of other settings, such as "
                f"{foreign[0]}: set run_dir to other folders, or these settings back"
            )
        if len(foreign) < len(left):
            print(f"go on with: {command_text(self.overrides, '-m')} resume=true")
        return 1 if self.signal is None else 128 + self.signal
