"""The command `python -m rrn.train`: one run or, with -m, a sweep of them.

python -m rrn.train agent=dqn env=Pong act=recurrent_rational
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import hydra
from hydra import initialize_config_dir
from hydra._internal.utils import get_args_parser  # as hydra.main reads the command line
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from rrn.common.device import denormals_as_zero, is_out_of_memory, pick_device, set_threads
from rrn.common.errors import UserError, first_line
from rrn.config import Config, changed_settings, without_effect
from rrn.config.compose import check_overrides, conf_dir, register_games, to_config
from rrn.config.protocol import protocol_line
from rrn.runs import checkpoint
from rrn.runs.checkpoint_checks import load_config
from rrn.runs.lock import RunLock
from rrn.runs.output_log import output_log
from rrn.runs.signals import StopSignals, leave_terminal, tell
from rrn.status import StatusFile, read_status


def main() -> None:
    """Check the command line, then hand it to Hydra."""
    register_games()
    try:
        args = get_args_parser().parse_args()
        with initialize_config_dir(conf_dir(), version_base="1.3"):
            configs = check_overrides(args.overrides)
            _note_without_effect(args.overrides, configs)
            several = args.multirun or "hydra.mode=MULTIRUN" in args.overrides
            if several and not (args.cfg or args.help or args.hydra_help or args.info):
                from rrn.sweeps.sweep import prepare

                sweep = prepare(args.overrides, configs)
            elif len(configs) > 1:
                advice = "give one value of each" if several else "add -m to make a run of each"
                raise UserError(f"several values, but one run; {advice}.")
            else:
                sweep = None
        GlobalHydra.instance().clear()
        if sweep is not None:
            raise SystemExit(sweep.run())
        os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here instead of being printed
        hydra.main(config_path=conf_dir(), config_name="config", version_base="1.3")(_run)()
    except UserError as error:
        _fail(error)
    except (HydraException, OmegaConfBaseException) as error:  # of its own settings and options
        _fail(UserError(first_line(error)))
    except BrokenPipeError:  # as of `--help | head`
        leave_terminal()
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("stopped at once; what is on disk is left, and resume=true goes on from there", file=sys.stderr)
        raise SystemExit(128 + signal.SIGINT) from None


def _note_without_effect(overrides: list[str], configs: list[Config]) -> None:
    """Say which settings of the command line nothing will read, in no run."""
    for key in dict.fromkeys(text.lstrip("+").partition("=")[0] for text in overrides):
        reasons = {without_effect(config).get(key) for config in configs}
        if None not in reasons:
            print(f"note: {key} has no effect with {' or '.join(sorted(reasons))}.", file=sys.stderr)


def _run(composed: DictConfig) -> None:
    """The only run of the command line."""
    try:
        stopped_by = train(to_config(composed), run_command())
    except UserError as error:
        _fail(error)
    if stopped_by:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done, and one more would only disturb Python's end
        raise SystemExit(128 + stopped_by)  # as a shell reports it


def run_command() -> str:
    """The command line of the run that Hydra has just composed, without resume=."""
    return typed(HydraConfig.get().overrides.task)


def typed(overrides: list[str], *options: str) -> str:
    """The command line with these overrides and options of Hydra, without resume=."""
    kept = [text for text in overrides if not text.lstrip("+").startswith("resume=")]
    return shlex.join(["python", "-m", "rrn.train", *options, *kept])


def _fail(error: UserError) -> None:
    print(f"error: {error}", file=sys.stderr)
    raise SystemExit(2)


def train(config: Config, command: str = "python -m rrn.train", stop: StopSignals | None = None) -> int | None:
    """Train, or go on, in the folder of the run; the number of the signal that stopped it, None at the end.

    Args:
        config: of the run.
        command: the command line that started it, for the line that says how to go on.
        stop: of a run that is one of several; its output goes to output.log.

    Raises:
        UserError: the folder holds a run already, it is of another configuration, or training cannot
            go on.
    """
    pick_device(config.device)
    set_threads(config)
    from rrn.training.trainer import Trainer  # TensorBoard and matplotlib, not needed to find a mistake

    folder = Path(config.run_dir)
    log = nullcontext() if stop is None else output_log(folder / "output.log")
    stop = stop or StopSignals()
    with denormals_as_zero(), one_sentence(folder, command):
        if folder.is_file():
            raise UserError(f"run_dir={folder}: a file is there, not a folder; choose another run_dir.")
        with _made(folder), RunLock(folder) as lock, stop:
            check_folder(folder, config)
            go_on = f"{command} resume=true"
            with log, StatusFile(folder, config, go_on) as status, one_sentence(folder, command):
                tell(f"{protocol_line(config)}\nrun folder: {folder}\n")
                trainer = status.trainer = Trainer(config, folder, status.watch(lock.watch(stop)))
                if trainer.run():
                    tell(
                        f"finished at step {trainer.step}; look at it with: tensorboard --logdir "
                        f"{shlex.quote(str(folder))}\n"
                        "go on for longer with the same command, more steps= and resume=true\n"
                    )
                    return None
                status.stopped(stop.signal)
                tell(f"stopped at step {trainer.step}; go on with: {go_on}\n")
                return stop.signal


@contextmanager
def one_sentence(folder: Path, command: str) -> Iterator[None]:
    """What the system refuses becomes a UserError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        from torch._dynamo.exc import BackendCompilerFailed  # slow to import

        if isinstance(error, BackendCompilerFailed):
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
        raise UserError(f"{what}; mend that, then go on with: {command} resume=true") from error


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Context in which the folder of a run is there; a run that is refused before it begins leaves nothing in it."""
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


def is_finished(config: Config) -> bool:
    """The folder holds this very run, and there is nothing left to do."""
    status = read_status(Path(config.run_dir))
    return status is not None and status.state == "done" and status.step >= config.steps and can_go_on(config)


def can_go_on(config: Config) -> bool:
    """Whether a run could begin or, with resume=true, go on in its folder."""
    try:
        check_folder(Path(config.run_dir), replace(config, resume=True))
    except UserError:
        return False
    return True


def check_folder(folder: Path, config: Config) -> None:
    """Raise a UserError unless the folder is free, or holds the run to go on with."""
    kept = checkpoint.find(folder / "checkpoints")
    if not kept and not (folder / "config.yaml").exists():
        return
    if not config.resume:
        raise UserError(f"{folder}: a run is here already; go on with resume=true, or choose another seed or run_dir.")
    changed = changed_settings(load_config(folder), config)
    if changed:
        raise UserError(f"{folder}: the run here is of another configuration ({changed}); set it back or set run_dir.")


if __name__ == "__main__":
    main()
