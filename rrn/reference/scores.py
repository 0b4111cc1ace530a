"""Read the scores that the authors published, and normalise scores by those of random play and a human."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from rrn.common.errors import UserError, nearest
from rrn.reference.tables import evaluation_step, row_of, rows


@dataclass(frozen=True)
class Published:
    """One entry of the authors' tables: the score of the last evaluation, over seeds."""

    game: str  # as in env=
    agent: str  # as in agent=: dqn, ddqn
    act: str  # as in act=; rational_pretrained, recurrent_rational_pretrained for those with frozen rationals
    mean: float
    std: float  # over seeds, without the n - 1 correction, as printed
    seeds: int
    first_epochs: int  # number of the last evaluation of the seed that stopped first
    epochs: int  # and of the seed that stopped last; equal, except for a few on Breakout and Space Invaders

    @property
    def steps(self) -> int:
        """Return the agent steps of training before the last evaluation, of the seed that stopped last."""
        return evaluation_step(self.game, self.agent, self.epochs)


@dataclass(frozen=True)
class Baselines:
    """Scores of a human and of random play on a game. The header of baselines.csv has the source of each."""

    human: float  # the usual table of the field; whole games
    random: float
    authors_human: float  # in the authors' tables
    authors_random: float  # per life, not per game
    plot_human: float  # in the authors' bar plot
    plot_random: float


@cache
def published() -> tuple[Published, ...]:
    """Return all 100 entries of the authors' two tables, except random play, which is in `baselines`."""
    return tuple(
        Published(
            game=row["game"],
            agent=row["agent"],
            act=row["act"],
            mean=float(row["mean"]),
            std=float(row["std"]),
            seeds=int(row["seeds"]),
            first_epochs=int(row["first_epochs"]),
            epochs=int(row["epochs"]),
        )
        for row in rows("published")
    )


def baselines(game: str) -> Baselines:
    """Return the scores of a human and of random play on a game.

    Raises:
        UserError: it is none of the paper's games.
    """
    return Baselines(**{name: float(value) for name, value in row_of("baselines", game).items() if name != "game"})


def games_with_baselines() -> list[str]:
    """List the games whose scores can be normalised: the paper's 15, and others of Atari-100k."""
    return list(_human_and_random())


def human_and_random(game: str) -> tuple[float, float]:
    """Return the scores of a human and of random play: the usual table of the field, as in google/dopamine.

    The file there is dopamine/labs/atari_100k/normalization_utils.py.

    Raises:
        UserError: neither the paper nor Atari-100k has the game.
    """
    table = _human_and_random()
    if game not in table:
        hint = f"Games with one: {', '.join(table)}."
        raise UserError(f"{game}: no published score. {nearest(game, table, hint)}")
    return table[game]


@cache
def _human_and_random() -> dict[str, tuple[float, float]]:
    """Read the scores of both by game."""
    table = {row["game"]: (float(row["human"]), float(row["random"])) for row in rows("baselines")}
    human, random = (
        {row["game"]: float(row["mean"]) for row in rows("atari100k") if row["agent"] == player}
        for player in ("human", "random")
    )
    return table | {game: (human[game], random[game]) for game in human if game not in table}


def human_normalised(game: str, score: float | np.ndarray) -> float | np.ndarray:
    """Normalise a score: (score - random) / (human - random), so that random play is 0 and a human 1.

    Args:
        game: one of the paper's games, or of Atari-100k.
        score: a number, or an array of any shape; the result has this shape.

    Raises:
        UserError: it is none of these games.
    """
    human, random = human_and_random(game)
    return (score - random) / (human - random)


def authors_normalised(game: str, score: float | np.ndarray) -> float | np.ndarray:
    """Normalise a score as the authors' bar plot does. Use it only to reproduce that: their random scores are per life.

    Raises:
        UserError: it is none of the paper's games.
    """
    base = baselines(game)
    return (score - base.plot_random) / (base.plot_human - base.plot_random)
