"""Train from Python: `rrn.train(env="CartPole", act="rational", steps=20_000)`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rrn.agents.base import Agent
from rrn.common.curves import Curve
from rrn.common.figure import Figure
from rrn.common.notebook import html_table
from rrn.config import Config
from rrn.config.compose import command_text, compose_config
from rrn.runs.folder import is_finished
from rrn.runs.scalars import SCORE, read_measures
from rrn.training.run import train as train_run

if TYPE_CHECKING:
    from rrn.training.loaded import TrainedAgent

PLAIN = re.compile(r"[\w./:+-]+")  # a word that needs no quotes in Hydra's grammar


@dataclass(frozen=True)
class Evaluation:
    """What a callback gets after each evaluation of a run."""

    step: int  # agent steps of training
    scores: dict[str, float]  # mean, median, min and max of the games, and their number, as games
    agent: Agent  # as it is now, in training


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """A run that was trained, to its end or until it was stopped."""

    config: Config
    folder: Path
    curve: Curve  # steps [E] and mean scores [E] of its evaluations
    finished: bool  # trained to the end; else the same call with resume=True goes on

    def load(self, weights: str | int = "best") -> TrainedAgent:
        """Load its agent, as `rrn.load` does."""
        from rrn.training.loaded import load

        return load(self.folder, weights)

    def figure(self) -> Figure:
        """Draw the learning curve: mean score over agent steps."""
        figure = Figure(figsize=(6, 3.5), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(self.curve.steps, self.curve.means, marker=".")
        axes.set(xlabel="agent steps", ylabel="mean score of an evaluation")
        axes.set_title(f"{self.curve.game}, {self.curve.agent}, {self.curve.act}, seed {self.curve.seed}")
        return figure

    def _repr_png_(self) -> bytes:
        return self.figure()._repr_png_()  # type: ignore[attr-defined]

    def _repr_html_(self) -> str:
        rows = [(f"{step:,}", f"{mean:.4g}") for step, mean in zip(self.curve.steps, self.curve.means, strict=True)]
        return html_table(["agent steps", "mean score"], *rows)


def train(
    *overrides: str,
    on_evaluation: Callable[[Evaluation], object] | None = None,
    config_dir: str | Path | None = None,
    **settings: Any,
) -> TrainingResult:
    """Train one run in this process, as `python -m rrn.train` does, and return its curve.

    Ctrl-C, or a stop button, ends it with a checkpoint; the same call with resume=True goes on.

    Args:
        overrides: words of the command line, such as "agent.learning_rate=1e-4".
        on_evaluation: called after each evaluation; if it returns True, the run is stopped, with a checkpoint.
        config_dir: folder with configuration files of your own.
        settings: the same by name, such as env="Pong", steps=100_000, resume=True.

    Raises:
        UserError: a setting is wrong, or the folder holds another run.
    """
    words = [*overrides, *(f"{key}={_word(value)}" for key, value in settings.items())]
    config = compose_config(words, None if config_dir is None else str(config_dir))
    call = on_evaluation or (lambda evaluation: None)
    train_run(config, command_text(words), on_evaluation=lambda *now: call(Evaluation(*now)))
    steps, means = read_measures(Path(config.run_dir) / "scalars.csv").get(SCORE, (np.array([], int), np.array([])))
    curve = Curve(config.env.name, config.agent.name, config.act.name, config.seed, steps, means, config.env.averaged)
    return TrainingResult(config, Path(config.run_dir), curve, is_finished(config))


def _word(value: Any) -> str:
    """Write a value as it is written on the command line."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_word, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}: {_word(inner)}' for key, inner in value.items())}}}"
    text = str(value)
    return text if PLAIN.fullmatch(text) else json.dumps(text)
