"""The command `python -m rrn.tune SETTING=... trials=50`: search settings that score high, with Optuna.

python -m rrn.tune agent=ppo env=CartPole 'agent.learning_rate=interval(1e-4,1e-2)' trials=30
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rrn.common.command_line import version
from rrn.common.console import Screen, cli_errors, detach_output, print_in_signal_handler, print_safely, terminal_size
from rrn.common.errors import UserError
from rrn.common.extras import needs
from rrn.common.files import expand_home
from rrn.common.numbers import parse_int, plural

NEEDS = ("python -m rrn.tune", "tune")
with cli_errors(), needs(*NEEDS):
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    from rrn.config.compose import command_text, compose_runs, hydra_ready
    from rrn.config.own_folders import take_folders
    from rrn.config.schema import Config
    from rrn.config.words import plain_words
    from rrn.runs.lock import RunLock
    from rrn.runs.signals import HANG_UP, stopping_signals
    from rrn.runs.table import table
    from rrn.sweeps.resources import max_parallel_runs
    from rrn.tune.search import OBJECTIVES, Search
    from rrn.tune.space import Space, read_space

USAGE = """\
python -m rrn.tune SETTING=... [trials=20] [seeds=1] [objective=last|area]
                   [n_jobs=N] [prune=true] [keep=false] [folder=FOLDER]
                   [--config-dir FOLDER]"""
HELP = """
SETTING=... is a setting of a run (python -m rrn.train --help) with one value,
or one to search: 'agent.learning_rate=interval(1e-4,1e-2)', act=relu,rational,
'agent.n_step=range(1,6)'. Positive intervals that span a factor of 10 are on a
logarithmic scale; tag(linear,interval(...)) and tag(log,interval(...)) say so.

trials=20       settings to try
seeds=1         runs of each; the score is their interquartile mean. The seeds
                begin at 1000, so that those of a later comparison are fresh;
                seed=0 begins elsewhere
objective=last  score of a run: its last evaluation; area: the mean height of
                its learning curve
n_jobs=N        runs at a time; as many as cores and memory allow
prune=true      stop a trial whose score is below the median of the others
keep=false      delete the checkpoints of trials that are not the best
folder=FOLDER   of the search; runs/tune/ENV-AGENT-ACT

Ctrl-C stops with a checkpoint of each run; the same command goes on, and with
more trials= it searches for longer."""
FIRST_SEED = 1000
POLL = 1.0  # seconds between two looks at the runs
SHOWN = 5  # of the best trials, at the end
PRUNE_AFTER = 4  # a trial may be pruned after one part in so many of its steps


@dataclass
class Options:
    """Options of the command."""

    trials: int = 20
    seeds: int = 1
    objective: str = "last"
    n_jobs: int | None = None
    prune: bool = True
    keep: bool = False
    folder: Path | None = None


def main(arguments: list[str]) -> None:
    """Search; a user's mistake ends the command with a sentence and exit code 2."""
    with cli_errors():
        if {"-h", "--help"} & set(arguments):
            print(f"{USAGE}\n{HELP}")
            return
        if "--version" in arguments:
            print(f"rrn {version()}")
            return
        code = tune(take_folders(arguments))
    raise SystemExit(code)


def tune(words: Sequence[str]) -> int:
    """Search the settings that the words name, and return the exit code.

    Raises:
        UserError: a mistake in the words, or the folder holds another search.
    """
    options, settings = read_options(plain_words(list(words)))
    if not any(word.startswith("seed=") for word in settings):
        settings.append(f"seed={FIRST_SEED}")
    with hydra_ready():
        space = read_space(settings)
        config = compose_runs(space.words({each.key: each.ends()[0] for each in space.dimensions}))[0]
        searched = {each.key for each in space.dimensions}
        names = [f"{group}s" if group in searched else getattr(config, group).name for group in ("env", "agent", "act")]
        folder = options.folder or Path("runs/tune") / "-".join(names)
        folder.mkdir(parents=True, exist_ok=True)
        with RunLock(folder):
            study = make_study(folder, space, config, options)
            seeds = [config.seed + number for number in range(options.seeds)]
            return _run(Search(study, space, folder, seeds, options.objective, options.keep), config, options)


def read_options(words: Sequence[str]) -> tuple[Options, list[str]]:
    """Split the words into the options of the command and the settings of runs.

    Raises:
        UserError: an option has a value that makes no sense.
    """
    options, settings = Options(), []
    for word in words:
        key, _, value = word.partition("=")
        if key in ("trials", "seeds", "n_jobs"):
            number = parse_int(value)
            if number is None or not 1 <= number <= 100_000:
                raise UserError(f"{word}: expected a whole number of 1 or more.")
            setattr(options, key, number)
        elif key in ("prune", "keep"):
            if value not in ("true", "false"):
                raise UserError(f"{word}: expected true or false.")
            setattr(options, key, value == "true")
        elif key == "objective":
            if value not in OBJECTIVES:
                raise UserError(f"{word}: expected {' or '.join(OBJECTIVES)}.")
            options.objective = value
        elif key == "folder":
            options.folder = Path(expand_home("folder", value))
        elif key in ("run_dir", "resume"):
            raise UserError(f"{word}: each trial has a folder of its own; folder= is that of the search.")
        else:
            settings.append(word)
    return options, settings


def make_study(folder: Path, space: Space, config: Config, options: Options) -> optuna.Study:
    """Open the study in the folder of a search, or begin it; its trials are in the file trials.log.

    Raises:
        UserError: the folder holds a search of other settings, or the file cannot be read.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = folder / "trials.log"
    what = {"search": [str(each) for each in space.dimensions], "settings": list(space.fixed)}
    what |= {"seeds": [str(options.seeds)], "objective": [options.objective]}
    after = config.steps // PRUNE_AFTER
    pruner = optuna.pruners.MedianPruner(n_warmup_steps=after) if options.prune else optuna.pruners.NopPruner()
    try:
        study = optuna.create_study(
            study_name="rrn",
            storage=JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path)))),
            direction="maximize",
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(constant_liar=True),
            pruner=pruner,
        )
        before = study.user_attrs or what
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: expected the trials of a search; set folder= to another one.") from error
    for key, value in what.items():
        if before.get(key) != value:
            was, now = ("; ".join(each.get(key, [])) or "nothing" for each in (before, what))
            raise UserError(f"{folder}: a search with {key} {was} is here, not {now}; set folder= to another one.")
        study.set_user_attr(key, value)
    return study


def _run(search: Search, config: Config, options: Options) -> int:
    """Run trials until there are enough or a signal comes, print the best, and return the exit code."""
    at_once = options.n_jobs or max_parallel_runs([config] * options.trials * options.seeds, 0)
    together = max(1, at_once // len(search.seeds))  # trials
    print(f"search in {search.folder}, {plural(options.trials, 'trial')}, {together} at a time:")
    print("\n".join(f"  {each}" for each in search.space.dimensions), flush=True)
    if left := search.take_up():
        print(f"going on with {plural(left, 'trial')} of an earlier command", flush=True)
    signals: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if number == HANG_UP:
            detach_output()
        elif signals:
            raise KeyboardInterrupt
        else:
            print_in_signal_handler("\nstopping all runs, each with a checkpoint; once more to stop at once")
        signals.append(number)

    before = {number: signal.signal(number, handle) for number in stopping_signals()}
    screen = Screen(sys.stderr)
    try:
        while not signals:
            missing = options.trials - search.ended() - len(search.running)
            lines = [search.begin() for _ in range(min(missing, together - len(search.running)))]
            if not search.running and not any(lines):
                break
            time.sleep(POLL)
            lines += search.look()
            screen.clear()
            print_safely("".join(f"{line}\n" for line in lines if line))
            if screen.live:
                screen.draw(table([row for one in search.running for row in one.rows()], *terminal_size(sys.stderr)))
    finally:
        screen.clear()
        search.stop(signals[0] if signals else signal.SIGTERM)
        search.wait()
        for number, handler in before.items():
            signal.signal(number, handler)
    _show_best(search)
    if signals:
        print("stopped; the same command goes on")
        return 128 + signals[0]
    return 0 if search.scored() else 1


def _show_best(search: Search) -> None:
    trials = search.scored()
    if not trials:
        print("no trial has a score yet")
        return
    print(f"the best of {plural(search.ended(), 'trial')}, {len(trials)} of them to the end:")
    for trial in trials[:SHOWN]:
        words = " ".join(each.word(trial.params[each.key]) for each in search.space.dimensions)
        print(f"  {trial.value:.4g}  {words}")
    best = [word for word in search.space.words(trials[0].params) if not word.startswith("seed=")]
    print(f"train with the best: {command_text(best)}")


if __name__ == "__main__":
    main(sys.argv[1:])
