"""The command `python -m rrn.train`: train one run or, with -m, a sweep of several.

python -m rrn.train agent=dqn env=Pong act=recurrent_rational
"""

from __future__ import annotations

import os
import signal
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from rrn.common.console import cli_errors, detach_output, os_error
from rrn.common.errors import UserError
from rrn.common.extras import needs
from rrn.common.printable import printable_lines

if TYPE_CHECKING:
    from rrn.training.train_function import TrainingResult

NEEDS = ("python -m rrn.train", "rl")
with cli_errors(), needs(*NEEDS):
    import hydra
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import DictConfig
    from omegaconf.errors import OmegaConfBaseException

    from rrn.config import Config, without_effect
    from rrn.config.compose import GROUPS, choices, compose_runs, quote_home, run_command
    from rrn.config.help import help_text
    from rrn.config.hydra_private import explain, read_arguments
    from rrn.config.load import to_config
    from rrn.config.own_folders import use_folders
    from rrn.config.register import conf_dir, register_choices
    from rrn.config.schedules import schedule_warnings
    from rrn.config.words import plain_words


def main() -> None:
    """Check the command line, then hand it to Hydra; a user's mistake ends with a sentence and exit code 2."""
    register_choices()
    try:
        sys.argv[1:] = [quote_home(word) for word in sys.argv[1:]]
        sys.argv[1:] = plain_words(sys.argv[1:])
        args = read_arguments()
        use_folders(args.config_dir, args.overrides)
        with initialize_config_dir(conf_dir(), version_base="1.3"):
            configs = compose_runs(args.overrides)
            _note_without_effect(args.overrides, configs)
            for warning in dict.fromkeys(text for config in configs for text in schedule_warnings(config)):
                print(f"warning: {warning}", file=sys.stderr)
            if args.help:
                chosen = [word.partition("=")[0] for word in args.overrides]
                groups = {group: choices(group) for group in GROUPS}
                print(help_text(configs[0], [group for group in GROUPS if group in chosen], groups))
                return
            several = args.multirun or "hydra.mode=MULTIRUN" in args.overrides
            if several and not (args.cfg or args.hydra_help or args.info):
                with needs(*NEEDS):
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
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises errors instead of printing them
        hydra.main(config_path=conf_dir(), config_name="config", version_base="1.3")(_run)()
    except UserError as error:
        _fail(error)
    except (HydraException, OmegaConfBaseException) as error:  # about Hydra's own settings and options
        _fail(UserError(explain(error)))
    except RecursionError:  # such as ${run_dir} in run_dir
        _fail(UserError("the settings refer to each other in a circle, or brackets are nested too deep."))
    except BrokenPipeError:  # such as by `--help | head`
        detach_output()
        raise SystemExit(1) from None
    except OSError as error:
        _fail(UserError(f"{os_error(error)}."))
    except KeyboardInterrupt:
        print("stopped at once; what is on disk is left, and resume=true goes on from there", file=sys.stderr)
        raise SystemExit(128 + signal.SIGINT) from None


def _note_without_effect(overrides: list[str], configs: list[Config]) -> None:
    """Print which settings of the command line have no effect in any run."""
    for key in dict.fromkeys(text.lstrip("+").partition("=")[0] for text in overrides):
        reasons = {without_effect(config).get(key) for config in configs}
        if None not in reasons:
            print(f"note: {key} has no effect with {' or '.join(sorted(reasons))}.", file=sys.stderr)


def _run(composed: DictConfig) -> None:
    """Train the only run of the command line."""
    try:
        with needs(*NEEDS):
            from rrn.training.run import train  # imports torch, which finding a mistake does not need

            stopped_by = train(to_config(composed), run_command())
    except UserError as error:
        _fail(error)
    if stopped_by:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is saved; another Ctrl-C would only disturb Python's exit
        raise SystemExit(128 + stopped_by)  # as a shell reports it


def _fail(error: UserError) -> None:
    print(f"error: {printable_lines(error)}", file=sys.stderr)
    raise SystemExit(2)


class _Function(ModuleType):
    """This module where it was imported: `rrn.train(...)` calls the function of that name all the same."""

    def __call__(self, *overrides: str, **settings: Any) -> TrainingResult:
        from rrn.training.train_function import train

        return train(*overrides, **settings)


if __name__ == "__main__":
    main()
else:
    sys.modules[__name__].__class__ = _Function
