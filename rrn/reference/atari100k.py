"""Read the scores that others published on Atari-100k: 26 games, 100,000 agent steps (Kaiser et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from rrn.reference.scores import human_normalised
from rrn.reference.tables import rows
from rrn.stats import STATISTICS

STEPS = 100_000  # agent steps of training, 400,000 frames
AGENTS = ("der", "der_dopamine", "drq")  # ours that were published at this length, as in agent=
PLAYERS = ("human", "random")  # rows of the table that are no agents


@dataclass(frozen=True)
class PublishedAgent:
    """Mean scores over seeds of an agent, as others published them."""

    agent: str  # with the authors of the numbers: two of them can publish different ones for one agent
    means: dict[str, float]  # by game; one agent lacks two games
    source: str

    def over_games(self, games: Iterable[str]) -> dict[str, float]:
        """Aggregate the human-normalised means over some of its games, by the names of `stats.STATISTICS`.

        An interquartile mean of means is over games alone, where that of runs is over games and seeds; an optimality
        gap of means is at most that of runs.
        """
        scores = {game: np.array([human_normalised(game, self.means[game])]) for game in games}
        return {name: float(statistic(scores)) for name, statistic in STATISTICS.items()}


@cache
def atari100k() -> tuple[PublishedAgent, ...]:
    """Return the agents with published scores, 14, without human and random play."""
    sources = {row["agent"]: row["source"] for row in rows("atari100k_sources")}
    table = {agent: _means(agent) for agent in sources if agent not in PLAYERS}
    return tuple(PublishedAgent(agent, means, sources[agent]) for agent, means in table.items())


def atari100k_games() -> list[str]:
    """List the 26 games of Atari-100k, named as in env=."""
    return list(_means("human"))


def agents_on(games: Iterable[str]) -> list[PublishedAgent]:
    """Return the agents that have a score on each of some games."""
    wanted = set(games)
    return [agent for agent in atari100k() if wanted <= agent.means.keys()]


@cache
def _means(agent: str) -> dict[str, float]:
    return {row["game"]: float(row["mean"]) for row in rows("atari100k") if row["agent"] == agent}
