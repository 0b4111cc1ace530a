"""Train several runs that differ in the seed alone as one program, each in its folder as if it was trained alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path

from rrn.agents import make_stack
from rrn.agents.base import NotFinite
from rrn.agents.learner import Stack
from rrn.common.console import print_safely
from rrn.common.device import denormals_as_zero, keep_freed_memory, pick_device
from rrn.common.errors import UserError
from rrn.common.threads import set_threads
from rrn.config import Config
from rrn.runs.output_log import output_log
from rrn.runs.signals import StopSignals
from rrn.training.nonfinite import explain_not_finite
from rrn.training.run import open_run
from rrn.training.trainer import Trainer

MOST_STEPS = 100  # of all runs between two looks at whether to stop


def train_stacked(configs: Sequence[Config], command: str, stop: StopSignals) -> int | None:
    """Train or resume runs in their folders; return the signal that stopped them, None at the end.

    What they print goes to output.log of the first one. A run that fails ends alone. Runs that are behind the others,
    as after a kill, catch up with them first.

    Args:
        configs: of the runs, which differ in the seed and in what depends on it.
        command: the command line that started them.
        stop: of runs in a sweep.

    Raises:
        UserError: no run could begin, or none reached its end.
    """
    pick_device(configs[0].device)
    set_threads(configs[0].threads, configs[0].env.most_threads)
    keep_freed_memory()
    with denormals_as_zero(), stop, ExitStack() as everything:
        runs = [_Run(config, command) for config in configs]
        for run in runs:
            everything.push(run.close)
            run.do(run.open)
        if begun := [run for run in runs if run.error is None]:
            for run in begun[1:]:
                line = f"trained as one program with other seeds; see output.log in {begun[0].folder}\n"
                with open(run.folder / "output.log", "a", encoding="utf-8") as log:
                    log.write(line)
            with output_log(begun[0].folder / "output.log"):
                for run in begun:
                    run.do(run.begin, stop)
                _train(runs)
                for run in runs:
                    run.do(run.end, stop)
    errors = [run.error for run in runs if run.error is not None]
    if len(errors) == len(runs):
        raise errors[0]
    return stop.signal


class _Run:
    """One of the runs, until an error ends it."""

    trainer: Trainer

    def __init__(self, config: Config, command: str):
        self.config, self.command, self.folder = config, command, Path(config.run_dir)
        self.context = ExitStack()  # its lock and its files
        self.error: UserError | None = None

    def do(self, what: Callable[..., object], *arguments: object) -> bool:
        """Call a method if the run has not failed; return whether the result was true. A UserError ends the run."""
        if self.error is not None:
            return False
        try:
            return bool(what(*arguments))
        except UserError as error:
            self.error = error
            print_safely(f"error: {self.folder}: {error}\n")
            with suppress(UserError):
                self.close(type(error), error, error.__traceback__)
            return False

    def close(self, *error: object) -> None:
        """Leave the contexts of the run."""
        self.context.__exit__(*error)  # type: ignore[arg-type]

    def open(self) -> None:
        self.lock, self.status = self.context.enter_context(open_run(self.config, self.command, nullcontext()))

    def begin(self, stop: StopSignals) -> None:
        self.trainer = Trainer(self.config, self.folder, self.lock.watch(stop), self.status.update)
        self.context.enter_context(self.trainer.closing_records())

    def goes_on(self) -> bool:
        return self.trainer.do_what_is_due()

    def asks_to_stop(self) -> bool:
        return self.trainer.report_and_ask()

    def end(self, stop: StopSignals) -> None:
        self.trainer.save_at_the_end()
        if not self.trainer.finished:
            self.status.stopped(stop.signal)
        self.context.close()

    def fail(self, error: NotFinite) -> None:
        agent = self.trainer.agent  # one that can be stacked makes an update in each agent step
        raise explain_not_finite(error, agent, self.folder, agent.updates + 1) from None


def _train(runs: Sequence[_Run]) -> None:
    """Train all runs to their end, or until they are stopped."""
    before: list[_Run] = []
    going = [run for run in runs if run.do(run.goes_on)]
    while going:
        steps = sorted({run.trainer.step for run in going})
        behind = [run for run in going if run.trainer.step == steps[0]]
        number = min(MOST_STEPS, _steps_until_due(behind[0].trainer), *(step - steps[0] for step in steps[1:2]))
        if behind != before:
            before, stack = behind, make_stack([run.trainer.learner for run in behind], behind[0].config)
        _train_for(behind, stack, number)
        behind[0].trainer.show()
        if any(run.do(run.asks_to_stop) for run in going):
            return
        due = {id(run) for run in behind if run.do(run.goes_on)}
        going = [run for run in going if run.error is None and (run not in behind or id(run) in due)]


def _train_for(runs: Sequence[_Run], stack: Stack, number: int) -> None:
    """Train runs that are at the same step for some steps, or fewer."""
    trainers = [run.trainer for run in runs]
    step, log_every = trainers[0].step, trainers[0].config.log_every
    for trainer in trainers:
        trainer.agent.set_rationals_trainable(step + 1 in trainer.learning)
    log = (step + number) // log_every > step // log_every
    try:
        done, failed = stack.train(step, number, log)
    except ValueError as error:
        raise UserError(f"stack_seeds: {error}; set stack_seeds=1.") from error
    for index, run in enumerate(runs):
        if index in failed:
            run.do(run.fail, failed[index])
        else:
            run.trainer.trained_to(step + done, [], log and done == number)


def _steps_until_due(trainer: Trainer) -> int:
    """Count the steps until something is to be done between two of them."""
    config, step = trainer.config, trainer.step
    periods = (config.evaluation.every, config.checkpoint.every, config.log_every)
    ends = [config.steps, *((step // period + 1) * period for period in periods)]
    changes = trainer.learning.start - 1, trainer.learning.stop - 1  # of whether rationals learn
    return min(end for end in (*ends, *changes) if end > step) - step
