"""Settings of games that follow one another in a run, such as env=MinAtar-Sequence."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, ClassVar

from omegaconf import MISSING

from rrn.common.errors import UserError, nearest
from rrn.config.env import ENVS, AtariConfig, EnvConfig, MinAtarConfig
from rrn.config.games import atari_games
from rrn.config.settings import STEPS, require, setting

if TYPE_CHECKING:
    from rrn.config.schema import Config


@dataclass
class SequenceConfig(EnvConfig):
    """Settings that a sequence of games has besides those of its games.

    Attributes:
        game: class of the settings of one of its games.
        channels: of each frame; those that a game does not have are 0. None: frames are all of one form.
    """

    envs: ClassVar[str] = "rrn.envs.sequence:SequenceEnv"
    video: ClassVar[str | None] = "rrn.envs.sequence:make_video"
    paper_protocol: ClassVar[bool] = False
    averaged: ClassVar[bool] = True
    game: ClassVar[type[EnvConfig]]
    channels: ClassVar[int | None] = None

    sequence: list[str] = field(default=MISSING, metadata={"about": "games in their order, by their names"})
    switch_every: int = setting(
        at_least=1, at_most=STEPS, about="agent steps of each game; after the last one the first comes back"
    )

    def number_at(self, step: int) -> int:
        """Return how many games came before that of an agent step, counted from 1; 0 is before all."""
        return max(step - 1, 0) // self.switch_every

    def config_of(self, number: int) -> EnvConfig:
        """Return the settings of the game with a number, as of a game alone."""
        own = {entry.name: getattr(self, entry.name) for entry in fields(self.game)}
        return self.game(**{**own, "name": self.sequence[number % len(self.sequence)], "target": None})

    def protocol(self) -> str:
        return f"{super().protocol()}, {self.switch_every:,} agent steps each of {', '.join(self.sequence)}"

    def check(self, config: Config) -> None:
        require(self.sequence, "env.sequence", "a list of games", self.sequence)
        known = self.game.games()
        for name in self.sequence:
            if name not in known:
                raise UserError(f"env.sequence: {name}: no such game. {nearest(name, known)}")


@dataclass
class MinAtarSequenceConfig(SequenceConfig, MinAtarConfig):
    """Settings of env=MinAtar-Sequence. All games have six actions, and ten channels, as many as Seaquest has."""

    game: ClassVar[type[EnvConfig]] = MinAtarConfig
    channels: ClassVar[int | None] = 10

    @classmethod
    def games(cls) -> Collection[str]:
        return ("MinAtar-Sequence",)


@dataclass
class AtariSequenceConfig(SequenceConfig, AtariConfig):
    """Settings of env=Atari-Sequence. All games have all 18 actions."""

    game: ClassVar[type[EnvConfig]] = AtariConfig

    @classmethod
    def games(cls) -> Collection[str]:
        return ("Atari-Sequence",) if atari_games() else ()

    def check(self, config: Config) -> None:
        super().check(config)
        require(self.full_action_space, "env.full_action_space", "true in a sequence of games", False)


ENVS["minatar_sequence"] = MinAtarSequenceConfig  # in the table of the file that this one builds on
ENVS["atari_sequence"] = AtariSequenceConfig
