"""Set scores that others published on Atari-100k beside ours, where ours were trained as long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rrn.reference.atari100k import AGENTS, STEPS, OthersScores, atari100k_games, with_scores_on
from rrn.report.cells import Cell

NOTE = (
    "Agents with authors and year are means that others published on Atari-100k; python -m rrn.reference scores GAME "
    "has their sources."
)


def others_on(cells: Sequence[Cell], games: Iterable[str]) -> list[OthersScores]:
    """Return the agents of others that have a score on each of some games.

    None are returned if one is no game of Atari-100k, or we have no agent of Atari-100k there after as few steps.
    """
    wanted = set(games)
    ours = {cell.game for cell in cells if cell.method[0] in AGENTS and cell.steps[1] <= STEPS}
    return with_scores_on(wanted) if wanted and wanted <= ours & set(atari100k_games()) else []
