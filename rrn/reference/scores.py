"""The table of scores that the authors published, and scores as parts of the way from random play to a human."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from rrn.reference.tables import evaluation_step, row_of, rows


@dataclass(frozen=True)
class Published:
    """One entry of the authors' tables: the score of the last evaluation, over seeds."""

    game: str  # as in env=
    agent: str  # as in agent=: dqn, ddqn
    act: str  # as in act=, and rational_pretrained, recurrent_rational_pretrained for their frozen ones
    mean: float
    std: float  # over seeds, without the n - 1 correction, as printed
    seeds: int
    first_epochs: int  # number of the last evaluation of the seed that stopped first
    epochs: int  # and of the one that stopped last; the same, but for a few on Breakout and Space Invaders

    @property
    def steps(self) -> int:
        """Agent steps of training before the last evaluation, of the seed that stopped last."""
        return evaluation_step(self.game, self.agent, self.epochs)


@dataclass(frozen=True)
class Baselines:
    """What a human and random play score on a game. The header of baselines.csv says where each is from."""

    human: float  # the usual table of the field; whole games
    random: float
    authors_human: float  # the authors' own
    authors_random: float  # for each life, not for each game
    plot_human: float  # the authors' own again, as in their bar plot
    plot_random: float


@cache
def published() -> tuple[Published, ...]:
    """All 100 entries of the authors' two tables but for random play, which stands in `baselines`."""
    return tuple(
        Published(
            *(row[name] for name in ("game", "agent", "act")),  # type: ignore[arg-type]
            *(float(row[name]) for name in ("mean", "std")),
            *(int(row[name]) for name in ("seeds", "first_epochs", "epochs")),
        )
        for row in rows("published")
    )


def baselines(game: str) -> Baselines:
    """Scores of a human and of random play.

    Raises:
        UserError: it is none of the paper's games.
    """
    return Baselines(**{name: float(value) for name, value in row_of("baselines", game).items() if name != "game"})


def human_normalised(game: str, score: float | np.ndarray) -> float | np.ndarray:
    """(score - random) / (human - random), of the usual table: random play is 0, a human 1.

    As in Mnih et al. 2015 (table 2 of the extended data, there in percent). The shape of `score` stays.

    Raises:
        UserError: it is none of the paper's games.
    """
    base = baselines(game)
    return (score - base.random) / (base.human - base.random)


def authors_normalised(game: str, score: float | np.ndarray) -> float | np.ndarray:
    """Normalise a score as the authors' bar plot does, only to reproduce it: their random scores are for each life.

    Raises:
        UserError: it is none of the paper's games.
    """
    base = baselines(game)
    return (score - base.plot_random) / (base.plot_human - base.plot_random)
