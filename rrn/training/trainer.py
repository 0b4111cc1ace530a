"""Run the training loop: train, evaluate, log, save, for every agent; agents/ has how each plays and learns.

All state is in `state_dict`, so that a killed run resumes from its last checkpoint as if it had not been killed. When
something is due depends on counters alone, never on the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

import torch
from omegaconf import OmegaConf

from rrn.agents import make_learner
from rrn.agents.base import Agent, NotFinite
from rrn.common.device import pick_device
from rrn.common.files import write_atomic
from rrn.common.numbers import count
from rrn.common.threads import restore_threads
from rrn.config import Config, dotted, learning_steps
from rrn.envs import Episode, make_envs
from rrn.envs.shape import EnvShape
from rrn.metrics.coefficients import coefficients
from rrn.runs import checkpoint
from rrn.runs.checkpoint_checks import check_form, check_identity, fitting
from rrn.runs.folder import read_run_id
from rrn.runs.logger import FILES, RunLogger
from rrn.runs.software import note_software
from rrn.runs.weights import WeightsFiles
from rrn.training.evaluator import Evaluator
from rrn.training.nonfinite import explain_not_finite
from rrn.training.play import scores_text
from rrn.training.pretrained import begin_with
from rrn.training.progress import Progress, progress_line

Report = Callable[[int, float, float], None]  # of step, last return and last evaluation; NaN for none yet
OnEvaluation = Callable[[int, dict[str, float], Agent], object]  # of step, summary of the scores, and the agent
TRAINING = 0  # second part of the key of a game's seed
RESEED_AFTER = 5000  # steps of one game that is trained on; a resumed run plays them again, in seconds


class Trainer:
    """Train one run, from the start or, with resume, from its last checkpoint.

    Args:
        config: of the run.
        folder: of the run; it exists.
        stop: asked at each step whether to end early.
        report: called at each step with how far the run is.
        on_evaluation: called after each evaluation; if it returns True, the run ends early.

    Raises:
        UserError: a checkpoint of another run, or one that does not fit.
    """

    def __init__(
        self,
        config: Config,
        folder: Path,
        stop: Callable[[], bool],
        report: Report = lambda *now: None,
        on_evaluation: OnEvaluation = lambda *now: None,
    ):
        self.config, self.folder, self.stop, self.report = config, folder, stop, report
        self.config_text = OmegaConf.to_yaml(config)
        self.on_evaluation, self.ended_by_callback = on_evaluation, False
        self.device = pick_device(config.device)
        torch.manual_seed(config.seed)
        self.progress = Progress()
        self.weights = WeightsFiles(folder, config.checkpoint.weights)
        games = make_envs(config.env, config.env.num_envs, (config.seed, TRAINING), RESEED_AFTER)
        for note in games.notes():
            self.progress.say(note)
        self.learner = make_learner(config, games, self.device)
        self.agent = self.learner.agent
        self.evaluator = Evaluator(config, self.learner)
        self.learning = learning_steps(config)
        if not (config.resume and checkpoint.find(folder / "checkpoints")):
            begin_with(self.agent, config)
        self.run_id = read_run_id(folder)
        self.step = 0  # agent steps of training
        self.evaluated = -1  # step of the last evaluation
        self.saved = -1  # step of the last checkpoint
        self.last = {"return": float("nan"), "evaluation": float("nan")}
        self.records = self._begin_or_go_on()
        if self.records.lost:
            self._save()  # with the lengths that the files have now
        self.clock, self.taken = time.monotonic(), 0  # of the rate

    def run(self) -> bool:
        """Train to the end or until `stop` returns True; return whether the end was reached."""
        with self.closing_records():
            self._train()
        return self.finished

    @contextmanager
    def closing_records(self) -> Iterator[None]:
        """Note in the logs, at the end of a context, how training ended."""
        try:
            yield
        except Exception:
            with suppress(OSError):  # a full disk may be the reason
                self.records.end(done=False)
            raise
        if self.finished:
            self.records.end(done=True)
        self.records.close()

    def _train(self) -> None:
        """Train, evaluate and save, up to the last checkpoint."""
        while not self.report_and_ask():
            if self.learner.warming_up:
                self.taken += self.learner.warmup_step()
                self.show()
                continue
            if not self.do_what_is_due():
                break
            self._advance()
            self.show()
        self.save_at_the_end()

    def do_what_is_due(self) -> bool:
        """Evaluate and save if that is due at this step; return whether training goes on after it."""
        if self._evaluation_due() and not self._evaluate():
            return False
        if self.step // self.config.checkpoint.every > max(self.saved, 0) // self.config.checkpoint.every:
            self._save()
        return self.step < self.config.steps

    def save_at_the_end(self) -> None:
        """Save, unless there is a checkpoint of this step that says all."""
        if self.saved != self.step or not self.finished:
            self._save()

    @property
    def finished(self) -> bool:
        """Return whether the run is trained to the end, with the last evaluation."""
        return self.step >= self.config.steps and self.evaluated == self.step

    def report_and_ask(self) -> bool:
        """Report how far the run is; return whether to end early."""
        self.report(self.step, self.last["return"], self.last["evaluation"])
        return self.stop() or self.ended_by_callback

    def _evaluation_due(self) -> bool:
        """Return True at each multiple of `every` from `start` on, step 0 included, and at the end."""
        start, every = self.config.evaluation.start, self.config.evaluation.every
        at_the_end = self.step >= self.config.steps and self.evaluated < self.step
        return (self.step >= start and self.step // every > self.evaluated // every) or at_the_end

    def _advance(self) -> None:
        """Do the next training step and log its episodes."""
        before, after = self.step, self.step + self.learner.steps_per_call
        log = after // self.config.log_every > before // self.config.log_every
        self.learner.games.at_step(before + 1)
        self.agent.set_rationals_trainable(after in self.learning)
        try:
            finished = self.learner.training_step(before, log)
        except NotFinite as error:
            raise explain_not_finite(error, self.agent, self.folder, after) from None
        self.trained_to(after, finished, log)

    def trained_to(self, step: int, finished: Sequence[Episode], log: bool) -> None:
        """Count steps of training and log the episodes that finished in them, with `log` the values of updates too."""
        self.taken, self.step = self.taken + step - self.step, step
        for game in finished:
            self.records.scalars(step, {"game/return": game.score, "game/length": game.length})
            self.last["return"] = game.score
        if log:
            self._log()

    def _begin_or_go_on(self) -> RunLogger:
        """Load the last checkpoint, if the run is resumed, and open the logs."""
        loaded = checkpoint.load_last(self.folder / "checkpoints") if self.config.resume else None
        if loaded is not None:
            self._take_up(*loaded)
        self.run_id = self.run_id or uuid4().hex
        self._write_config()
        if loaded is None:
            if self.config.resume:
                self.progress.say("no checkpoint is here to go on from; this run starts at step 0")
            records = RunLogger(self.folder)
            records.configuration(self.config_text, dotted(asdict(self.config)))
            records.text("protocol", self.config.env.protocol())
        else:
            records = RunLogger(self.folder, self.step, loaded[1]["lengths"])
            self.evaluator.measures.read_snapshots(self.folder)
            anew = "; the resume is not exact: new episodes start" if self.learner.games.anew else ""
            self.progress.say(f"going on from {loaded[0].name}{anew}")
        packages = (*self.config.env.packages_of_run, *self.config.agent.packages)
        changed = None if self.finished else note_software(self.folder, self.device, self.step, packages)
        if loaded and changed:
            self.progress.say(f"{changed}: the run goes on, but perhaps not with the bits that it would have had")
        return records

    def _write_config(self) -> None:
        header = f"# {self.config.env.protocol()}\n# run {self.run_id}\n"
        write_atomic(self.folder / "config.yaml", header + self.config_text)

    def _take_up(self, path: Path, state: dict) -> None:
        """Resume from a checkpoint.

        Raises:
            UserError: it is of another run, or does not fit.
        """
        check_identity(path, state, self.config, self.run_id)
        check_form(path, state, {**self.state_dict(), "lengths": dict.fromkeys(FILES, 0)})
        with fitting(path):
            self.load_state_dict(state)
        self.run_id = self.run_id or state.get("run", {}).get("id")

    def _evaluate(self) -> bool:
        """Evaluate: whole episodes, measures, figure; return False if stopped midway, to be done again on resume."""
        began = time.monotonic()
        self.show("evaluating ")
        try:
            scores = self.evaluator.evaluate(self.step, self.records, self.report_and_ask)
        except NotFinite as error:
            raise explain_not_finite(error, self.agent, self.folder, self.step) from None
        if scores is None:
            return False
        self.last["evaluation"] = scores["mean"]
        self.evaluated = self.step
        self.saved = min(self.saved, self.step - 1)  # a checkpoint of this step, from before a resume, lacks this
        self.records.flush()
        shape = EnvShape.of(self.learner.games).state_dict()
        weights = {"run": self._identity(), "games": shape, "agent": self.agent.policy_state()}
        self.weights.evaluated(self.step, scores["mean"], weights)
        self.progress.say(f"step {count(self.step)}: evaluation {scores_text(scores)}")
        self.ended_by_callback = self.on_evaluation(self.step, scores, self.agent) is True
        self.clock += time.monotonic() - began  # the rate is that of training
        self.report(self.step, self.last["return"], self.last["evaluation"])
        return True

    def _log(self) -> None:
        measured = {**self.learner.schedules(self.step), **self.learner.pop_values(), "steps_per_second": self._rate()}
        values = {f"train/{name}": value for name, value in measured.items()}
        values |= {f"coefficients/{name}": value for name, value in coefficients(self.agent.network).items()}
        self.records.scalars(self.step, values)

    def _rate(self) -> float:
        """Compute agent steps per second since the start of this process, without evaluations."""
        return self.taken / max(time.monotonic() - self.clock, 1e-9)

    def show(self, prefix: str = "") -> None:
        """Show the progress line, without a prefix only if it is due."""
        if not prefix and not self.progress.due():
            return
        at = self.learner.warming_up or f"{count(self.step)}/{count(self.config.steps)}"
        line = progress_line(at, self._rate(), self.config.steps - self.step, self.last)
        self.progress.show(f"{prefix}{line} {self.learner.progress_text(self.step)}")

    def _save(self) -> None:
        folder = self.folder / "checkpoints"
        self.learner.export(checkpoint.path_of(folder, self.step))  # first: what is there later is whole
        state = {**self.state_dict(), "lengths": self.records.flush()}
        checkpoint.save(folder, self.step, state, self.config.checkpoint.keep)
        if not (self.folder / "config.yaml").exists():  # deleted meanwhile
            self._write_config()
        self.saved = self.step

    def _identity(self) -> dict:
        return {"id": self.run_id, "config": self.config_text}

    def state_dict(self) -> dict:
        """Return all that the rest of the run depends on, and which run it is."""
        return {
            "run": self._identity(),
            "step": self.step,
            "evaluated": self.evaluated,
            "last": dict(self.last),
            "agent": self.agent.state_dict(),
            "learner": self.learner.state_dict(),
            "measures": self.evaluator.measures.state_dict(),
            "best": self.weights.state_dict(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            "threads": torch.get_num_threads(),
        }

    def load_state_dict(self, state: dict) -> None:
        for name in ("step", "evaluated", "last"):
            setattr(self, name, state[name])
        self.saved = self.step
        self.agent.load_state_dict(state["agent"])
        self.learner.load_state_dict(state["learner"])
        if "measures" in state:  # older checkpoints have none
            self.evaluator.measures.load_state_dict(state["measures"])
        if "best" in state:
            self.weights.load_state_dict(state["best"])
        if self.config.threads is None and (warning := restore_threads(state["threads"])):
            self.progress.say(warning)
        torch.set_rng_state(state["random"])
        if self.device.type == "cuda" and state["random_cuda"] is not None:
            torch.cuda.set_rng_state(state["random_cuda"], self.device)
