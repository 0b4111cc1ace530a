"""Read the small tables that come with the package; scripts/data/make_reference.py writes them."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from rrn.common.errors import UserError, nearest


@cache
def rows(name: str) -> list[dict[str, str]]:
    """Read the rows of rrn/reference/<name>.csv, by column, without the comments (#) at its head."""
    lines = files("rrn.reference").joinpath(f"{name}.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def games() -> list[str]:
    """List the 15 games of the paper, named as in env=."""
    return [row["game"] for row in rows("protocol")]


def row_of(name: str, game: str) -> dict[str, str]:
    """Return the row of a game in the file `protocol` or `baselines`.

    Raises:
        UserError: it is none of the paper's games.
    """
    for row in rows(name):
        if row["game"] == game:
            return row
    hint = nearest(game, games(), f"They are {', '.join(games())}.")
    raise UserError(f"{game}: expected one of the paper's games. {hint}")


def evaluation_step(game: str, agent: str, epoch: int) -> int:
    """Return the agent steps of training before an evaluation of the authors.

    Their older script evaluates the untrained network first. The runs on Tennis and those of Rainbow seem to be from
    the newer one, which trains first (docs/details.md, no. 46).

    Args:
        game: one of the paper's games.
        agent: dqn, ddqn, rainbow or random; random play has no training.
        epoch: number of the evaluation, from 0.

    Raises:
        UserError: it is none of the paper's games.
    """
    trained_first = game == "Tennis" or agent == "rainbow"
    return 0 if agent == "random" else (epoch + trained_first) * int(row_of("protocol", game)["evaluation_frequency"])
