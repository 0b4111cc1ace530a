"""Set scores that others published on Atari-100k beside ours, where ours were trained as long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rrn.reference.atari100k import AGENTS, STEPS, PublishedAgent, agents_on, atari100k_games
from rrn.report.cells import Cell

WARMED_UP = STEPS - 2_000  # agent steps that are left of them after random play
NOTE = (
    "Agents with authors in brackets are means over seeds that others published on Atari-100k; python -m rrn.reference "
    "scores GAME has their sources. Over games, their IQM and optimality gap are those of means, not of runs."
)


def published_on(cells: Sequence[Cell], games: Iterable[str]) -> list[PublishedAgent]:
    """Return the agents of others that have a score on each of some games.

    None are returned if one is no game of Atari-100k, or we have no agent of Atari-100k there after as many steps.
    """
    wanted = set(games)
    trained = [cell for cell in cells if WARMED_UP <= cell.steps[0] <= cell.steps[1] <= STEPS]
    ours = {cell.game for cell in trained if cell.method[0] in AGENTS}
    return agents_on(wanted) if wanted and wanted <= ours & set(atari100k_games()) else []
