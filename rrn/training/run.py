"""Do one run in its folder, from its configuration to its end or to the signal that stops it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rrn.activations.ops.torch_private import is_compile_error
from rrn.common.console import print_safely
from rrn.common.device import denormals_as_zero, is_out_of_memory, keep_freed_memory, pick_device
from rrn.common.errors import UserError, first_line
from rrn.common.extras import needs
from rrn.common.threads import set_threads
from rrn.config import Config
from rrn.runs.folder import check_folder
from rrn.runs.lock import RunLock
from rrn.runs.output_log import output_log
from rrn.runs.signals import StopSignals
from rrn.runs.status_file import StatusFile

if TYPE_CHECKING:
    from rrn.training.trainer import OnEvaluation


def train(
    config: Config,
    command: str = "python -m rrn.train",
    stop: StopSignals | None = None,
    on_evaluation: OnEvaluation = lambda *now: None,
) -> int | None:
    """Train or resume in the folder of the run; return the signal that stopped it, None at the end.

    Args:
        config: of the run.
        command: the command line that started it, for the line that says how to go on.
        stop: of a run that is one of several; its output goes to output.log.
        on_evaluation: called after each evaluation with the step, the scores and the agent; if it returns True, the
            run is stopped, with a checkpoint.

    Raises:
        UserError: the folder holds a run already, it is of another configuration, or training cannot go on.
    """
    pick_device(config.device)
    set_threads(config.threads, config.env.most_threads)
    keep_freed_memory()
    from rrn.training.trainer import Trainer  # TensorBoard and matplotlib, not needed to find a mistake

    folder = Path(config.run_dir)
    log = nullcontext() if stop is None else output_log(folder / "output.log")
    stop = stop or StopSignals()
    with denormals_as_zero(), stop, open_run(config, command, log) as (lock, status):
        trainer = Trainer(config, folder, lock.watch(stop), status.update, on_evaluation)
        if trainer.run():
            print_safely(
                f"finished at step {trainer.step}; look at it with: tensorboard --logdir {shlex.quote(str(folder))}\n"
                "go on for longer with the same command, more steps= and resume=true\n"
            )
            return None
        status.stopped(stop.signal)
        print_safely(f"stopped at step {trainer.step}; go on with: {status.status.go_on}\n")
        return stop.signal


@contextmanager
def open_run(config: Config, command: str, log: AbstractContextManager[None]) -> Iterator[tuple[RunLock, StatusFile]]:
    """Make and lock the folder of a run for a context, with its status file.

    Args:
        config: of the run.
        command: the command line that started it.
        log: within it the run prints.

    Raises:
        UserError: the folder holds a run already, or it is of another configuration; or for an error of the system
            within the context.
    """
    folder = Path(config.run_dir)
    with as_user_errors(folder, command):
        if folder.is_file():
            raise UserError(f"run_dir={folder}: a file is there, not a folder; choose another run_dir.")
        with _made(folder), needs("python -m rrn.train", "rl"), RunLock(folder) as lock:
            check_folder(folder, config)
            go_on = f"{command} resume=true"
            with log, StatusFile(folder, config, go_on) as status, as_user_errors(folder, command):
                print_safely(f"{config.env.protocol()}\nrun folder: {folder}\n")
                yield lock, status


@contextmanager
def as_user_errors(folder: Path, command: str) -> Iterator[None]:
    """Turn errors of the operating system into a UserError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_compile_error(error):
            raise UserError(
                f"agent.compile=true: torch.compile failed ({first_line(error)}); set agent.compile=false."
            ) from error
        if not is_out_of_memory(error):
            raise
        raise UserError(
            f"{folder}: the memory is full ({first_line(error)}); begin another run with smaller sizes, as of "
            f"agent.batch_size, or free some and go on with: {command} resume=true"
        ) from error
    except OSError as error:
        what = f"{error.filename or folder}: {error.strerror or error}"
        raise UserError(f"{what}; fix this, then go on with: {command} resume=true") from error


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make the folder of a run for a context; a run that is refused before it begins leaves nothing in it."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    before = {path.name for path in folder.iterdir()}
    try:
        yield
    except UserError:
        if not (folder / "config.yaml").exists():
            for name in {"status.json", "output.log", "lock"} - before:
                (folder / name).unlink(missing_ok=True)
            with suppress(OSError):  # something else is there
                for path in made:
                    path.rmdir()
        raise
