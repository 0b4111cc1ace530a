"""Write the help of `python -m rrn.train`: what each setting means, may be and is, from the configuration classes."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from omegaconf import OmegaConf

from rrn.common.imports import is_import_string
from rrn.config.classes import choice_of
from rrn.config.env import ENVS
from rrn.config.schema import Config
from rrn.config.settings import expected_values

HEAD = """\
python -m rrn.train [SETTING=VALUE ...]           train an agent
python -m rrn.train -m SETTING=VALUE,VALUE ...    train one for each combination

A number may be written as 200000, 1e6, 500k or 1.5M. Values with brackets or
spaces need quotes: 'act.degrees=[3,2]'. More: docs/guide.md.
"""
TAIL = """\
Options
  --help               this; with agent=ppo, the settings of that agent, and so
                       for env=, act= and experiment=
  -m, --multirun       several runs: hydra.launcher.n_jobs=3 sets how many at
                       once, hydra/launcher=slurm or ray uses a cluster
  --config-dir FOLDER  choices of your own, in files laid out as conf/ of rrn
  --cfg job            print all settings with their values, and stop
  --version            print the version
  --hydra-help         the other options, which are Hydra's"""
LABEL = 36  # columns of name=value
HIDDEN = ("name", "kind", "id", "target", "double")  # set by the choice of agent=, env=, act= or network=
WIDEST = 100  # columns; longer lines are hard to read


def help_text(config: Config, chosen: list[str], choices: dict[str, list[str]]) -> str:
    """Return the text of --help, with the values of this configuration, as wide as the terminal.

    Args:
        config: composed from the words of the command line.
        chosen: the groups agent, env, act, network, experiment that the command line sets; empty: all are explained.
        choices: names that each group can be set to.
    """
    width = help_width()
    parts: list[list[str]] = [] if chosen else [HEAD.splitlines(), ["Choices", *_choices(config, choices, width)]]
    if not chosen or "experiment" in chosen:
        title = f"Settings of every run, with experiment={config.experiment}"
        parts.append([title, *setting_lines(config, "", width)])
    for group in ("agent", "env", "act", "network"):
        settings = getattr(config, group)
        if not chosen or group in chosen:
            lines = list(setting_lines(settings, f"{group}.", width))
            parts.append([f"Settings of {group}={choice_of(settings)}", *(lines or ["  none"])])
    if not chosen:
        parts.append(TAIL.splitlines())
    return "\n\n".join("\n".join(lines).rstrip() for lines in parts)


def _choices(config: Config, choices: dict[str, list[str]], width: int) -> Iterator[str]:
    """Yield the lines with what agent=, env=, act= and experiment= can be, and are by default."""
    atari = set(ENVS["atari"].games())
    own = {"agent": "a class of your own (docs/own_classes.md)", "act": "a class such as torch.nn:Mish"}
    for group, names in choices.items():
        value = config.experiment if group == "experiment" else choice_of(getattr(config, group))
        listed = [name for name in names if name not in atari]
        if group == "env" and atari:
            listed.append(f"{len(atari)} Atari games under the names of ale-py, such as Pong and SpaceInvaders")
        listed += ["an id of Gymnasium such as LunarLander-v3"] if group == "env" else []
        listed += [own[group]] if group in own and not is_import_string(value) else []
        yield from _entry(f"{group}={value}", ", ".join(listed), width)


def help_width() -> int:
    """Return the columns of the terminal that help fills."""
    return max(60, min(shutil.get_terminal_size().columns, WIDEST))


def setting_lines(config: Any, prefix: str, width: int) -> Iterator[str]:
    """Yield the lines of the settings of a configuration class; groups that are chosen are left out.

    Args:
        config: an instance of it, whose values are shown.
        prefix: what comes before their names, such as "agent.".
        width: columns of a line.
    """
    for entry in fields(config):
        value = getattr(config, entry.name)
        if is_dataclass(value):
            if entry.name not in ("agent", "env", "act", "network"):
                yield from setting_lines(value, f"{entry.name}.", width)
        elif not (entry.name == "experiment" or (prefix and _is_hidden(prefix + entry.name))):
            about, expected = entry.metadata.get("about", ""), expected_values(entry)
            text = f"{about} ({expected})" if about and expected else about or expected
            name = "from" if entry.name == "from_run" else entry.name
            yield from _entry(f"{prefix}{name}={_word(value)}", text, width)


def _is_hidden(name: str) -> bool:
    return name.rpartition(".")[2] in HIDDEN and name != "network.target"


def _entry(label: str, text: str, width: int) -> Iterator[str]:
    """Yield the lines of one entry: the label, and the text beside it or, if the label is long, below it."""
    lines = textwrap.wrap(text, width - LABEL - 2, break_on_hyphens=False) or [""]
    label = f"  {label}"
    if len(label) > LABEL:
        yield from textwrap.wrap(label, width, subsequent_indent="    ", break_on_hyphens=False)
        label = ""
    for line in lines:
        yield f"{label:<{LABEL}}  {line}".rstrip()
        label = ""


def _word(value: Any) -> str:
    """Write a value as it is written on the command line."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if OmegaConf.is_config(value) or isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
