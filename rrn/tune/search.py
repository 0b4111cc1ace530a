"""Run the trials of a search: ask Optuna for settings, train, report evaluations, stop the poor ones, tell scores."""

from __future__ import annotations

import math
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
import optuna
from optuna.trial import TrialState

from rrn.common.curves import Curve
from rrn.common.errors import UserError
from rrn.common.numbers import plural
from rrn.config import Config
from rrn.config.compose import command_text, compose_runs
from rrn.runs.scalars import ScoreReader
from rrn.runs.signals import request_stop
from rrn.runs.status_file import read_status
from rrn.runs.table import Row
from rrn.stats import area_under_curve, iqm
from rrn.sweeps.worker import outcome, start_runs
from rrn.tune.space import Space

OBJECTIVES: dict[str, Callable[[Curve], float]] = {"last": lambda curve: curve.last, "area": area_under_curve}
PATIENCE = 60.0  # seconds that runs of a command that was killed have to write their checkpoints
MOST_FAILURES = 3  # trials that fail before any has a score; then the search ends with the reason


@dataclass
class Trial:
    """A trial that trains: one run for each seed, each in a process of its own."""

    trial: optuna.Trial
    folder: Path
    configs: list[Config]
    outputs: list[IO[str]]
    children: list[subprocess.Popen]
    readers: list[ScoreReader]
    reported: int = 0  # evaluations, of all seeds

    @property
    def stop_file(self) -> Path:
        return self.folder / "stop"

    @property
    def ended(self) -> bool:
        return all(child.poll() is not None for child in self.children)

    def outcomes(self) -> list[tuple[str, str | None]]:
        """Return the state of each run, and why it ended."""
        parts = zip(self.children, self.configs, self.outputs, strict=True)
        return [outcome(child, config, self.stop_file, output) for child, config, output in parts]

    def curves(self) -> list[Curve]:
        """Return the evaluations of each run so far."""
        return [
            Curve(
                config.env.name,
                config.agent.name,
                config.act.name,
                config.seed,
                *reader.look(),
                averaged=config.env.averaged,
            )
            for config, reader in zip(self.configs, self.readers, strict=True)
        ]

    def rows(self) -> list[Row]:
        """Return a row for each run, for the table."""
        rows = []
        for config in self.configs:
            status = read_status(Path(config.run_dir))
            rows.append(Row(Path(config.run_dir), status.state if status else "waiting", None, status))
        return rows


class Search:
    """Search settings that score high.

    Args:
        study: of Optuna, with its storage, sampler and pruner.
        space: the settings to search.
        folder: of the search; each trial has a folder in it.
        seeds: of the runs of each trial.
        objective: a key of OBJECTIVES. The score of a trial is the interquartile mean over its seeds, which is the mean
            for up to three.
        keep: keep the checkpoints of all trials; else those of the best one alone.
    """

    def __init__(
        self, study: optuna.Study, space: Space, folder: Path, seeds: list[int], objective: str, keep: bool = False
    ):
        self.study, self.space, self.folder, self.seeds = study, space, folder, seeds
        self.objective, self.keep = OBJECTIVES[objective], keep
        self.running: list[Trial] = []
        self.failures: list[str] = []
        self.lost = 0  # failures that Optuna learns nothing from

    def take_up(self) -> int:
        """Queue the trials that an earlier command left behind, in their folders; return how many."""
        left = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        deadline = time.monotonic() + PATIENCE
        for trial in left:
            while _is_training(self._folder(trial)) and time.monotonic() < deadline:
                time.sleep(0.2)  # its command was killed; it finds out, and writes a checkpoint
            self.study.tell(trial.number, state=TrialState.FAIL)
            self.study.enqueue_trial(trial.params, user_attrs={"folder": self._folder(trial).name})
        return len(left)

    def begin(self) -> str:
        """Begin the next trial; return a line if its settings make no sense together, else nothing.

        Raises:
            UserError: too many trials have failed.
        """
        trial = self.study.ask(self.space.distributions())
        folder = self._folder(trial)
        words = self.space.words(trial.params)
        try:
            config = compose_runs(["threads=1", *words])[0]
        except UserError as error:
            return self._failed(trial, str(error), TrialState.FAIL)
        configs = [replace(config, seed=seed, run_dir=str(folder / f"seed{seed}")) for seed in self.seeds]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "stop").unlink(missing_ok=True)
        readers = [ScoreReader(Path(config.run_dir) / "scalars.csv") for config in configs]
        one = Trial(trial, folder, configs, [], [], readers)
        command = command_text([*words, f"seed={self.seeds[0]}", f"run_dir={configs[0].run_dir}"])
        for config in configs:
            one.outputs.append(TemporaryFile("w+", encoding="utf-8", errors="backslashreplace"))  # noqa: SIM115
            one.children.append(start_runs([replace(config, resume=True)], command, one.stop_file, one.outputs[-1]))
        self.running.append(one)
        return ""

    def _folder(self, trial: optuna.Trial | optuna.trial.FrozenTrial) -> Path:
        return self.folder / trial.user_attrs.get("folder", f"trial{trial.number}")

    def look(self) -> list[str]:
        """Report new evaluations to Optuna, stop what it prunes, and end trials; return a line for each that ended."""
        lines = []
        for one in list(self.running):
            ended = one.ended  # before the evaluations are read: the last one counts
            curves = one.curves()
            self._report(one, curves)
            if ended:
                self.running.remove(one)
                lines.append(self._end(one, curves))
        return lines

    def _report(self, one: Trial, curves: list[Curve]) -> None:
        evaluations = min(len(curve.steps) for curve in curves)
        for number in range(max(one.reported, 1), evaluations):  # that of step 0 is before any learning
            value = self._score([_cut(curve, number + 1) for curve in curves])
            one.trial.report(value, int(curves[0].steps[number]))
        if evaluations > max(one.reported, 1) and not one.stop_file.exists() and one.trial.should_prune():
            request_stop(one.stop_file, signal.SIGTERM)
        one.reported = max(one.reported, evaluations)

    def _score(self, curves: list[Curve]) -> float:
        return float(iqm({"trial": np.array([self.objective(curve) for curve in curves])}))

    def _end(self, one: Trial, curves: list[Curve]) -> str:
        """Tell Optuna how a trial ended, and return a line about it."""
        name, outcomes = one.folder.name, one.outcomes()
        for output in one.outputs:
            output.close()
        states = {state for state, _ in outcomes}
        if states == {"done"}:
            value = self._score(curves)
            self.study.tell(one.trial, value)
            best = self.study.best_trial.number == one.trial.number
            self._free(one.folder if not best else None)
            return f"{name}: {value:.4g}{', the best so far' if best else ''}; {self._settings(one.trial.params)}"
        if one.stop_file.exists() and states <= {"done", "stopped"}:
            self.study.tell(one.trial, state=TrialState.PRUNED)
            self._free(one.folder)
            return f"{name}: pruned after {plural(one.reported, 'evaluation')}; {self._settings(one.trial.params)}"
        why = next((why or state for state, why in outcomes if state not in ("done", "stopped")), "a run was stopped")
        # one that learned to no good, as by a loss that is NaN, says something about its settings; others do not
        return self._failed(one.trial, why, TrialState.PRUNED if one.reported > 1 else TrialState.FAIL)

    def _failed(self, trial: optuna.Trial, why: str, state: TrialState) -> str:
        self.study.tell(trial, state=state)
        self.failures.append(why)
        self.lost += state == TrialState.FAIL
        if len(self.failures) >= MOST_FAILURES and not self.scored():
            raise UserError(f"{plural(len(self.failures), 'trial')} failed and none has a score: {why}")
        return f"{self._folder(trial).name}: failed ({why}); {self._settings(trial.params)}"

    def _free(self, folder: Path | None) -> None:
        """Delete the checkpoints of a trial that is not the best; None: those of the one that was the best before."""
        best = self._folder(self.study.best_trial) if self.scored() else None
        for trial in [] if self.keep else self.study.get_trials(deepcopy=False):
            own = self._folder(trial)
            if own != best and (own == folder or (folder is None and trial.state == TrialState.COMPLETE)):
                for checkpoints in own.glob("seed*/checkpoints"):
                    shutil.rmtree(checkpoints, ignore_errors=True)

    def _settings(self, values: dict[str, Any]) -> str:
        return " ".join(each.word(values[each.key]) for each in self.space.dimensions)

    def scored(self) -> list[optuna.trial.FrozenTrial]:
        """Return the trials that have a score, the best first."""
        trials = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return sorted(trials, key=lambda trial: -(trial.value if trial.value is not None else -math.inf))

    def ended(self) -> int:
        """Count the trials that ended, without those that failed in an earlier command."""
        return self.lost + len(self.scored()) + len(self.study.get_trials(deepcopy=False, states=(TrialState.PRUNED,)))

    def stop(self, number: int) -> None:
        """Stop all runs, each with a checkpoint; a later command goes on with these trials."""
        for one in self.running:
            request_stop(one.stop_file, number)

    def wait(self) -> None:
        """Wait for all processes after `stop`."""
        while not all(one.ended for one in self.running):
            time.sleep(0.2)


def _is_training(folder: Path) -> bool:
    states = [read_status(path) for path in folder.glob("seed*")]
    return any(status is not None and status.state == "running" for status in states)


def _cut(curve: Curve, number: int) -> Curve:
    return replace(curve, steps=curve.steps[:number], means=curve.means[:number])
