"""Settings of activations. The defaults are in conf/act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from rrn.activations.fitting.formula import VERSIONS
from rrn.activations.registry import ACTIVATIONS
from rrn.common.numbers import parse_int
from rrn.config.settings import require, setting

if TYPE_CHECKING:
    from rrn.config.schema import Config


@dataclass
class ActConfig:
    """Settings of an activation without options, such as act=relu."""

    name: str = MISSING

    def check(self, config: Config) -> None:
        """Check values that need more than a range.

        Raises:
            UserError: a value that makes no sense.
        """


@dataclass
class OwnActConfig(ActConfig):
    """Settings of act=<package.module:Class>, a module of torch or of your own."""

    target: str = MISSING  # the class
    kwargs: dict[str, Any] | None = None  # its arguments, such as act.kwargs={beta: 1.0}; null: none


@dataclass
class RationalConfig(ActConfig):
    """Settings of act=rational and act=recurrent_rational."""

    init: str = MISSING
    version: str = setting(choices=VERSIONS)
    degrees: list[int] = MISSING
    preset: str = MISSING  # which approximation of init
    # a number for each activation site, equal ones share a rational; null: none do, or all of recurrent_rational
    share: list[int] | None = MISSING
    trainable: bool = MISSING
    train_numerator: bool = MISSING
    train_denominator: bool = MISSING
    lr: float | None = setting(above=0)  # learning rate of the coefficients; null: that of the weights
    # newer than some runs, whose config.yaml lacks them: so with defaults here
    per: str = setting("tensor", choices=("tensor", "channel"))
    delay: str | None = None  # before the coefficients learn: agent steps, or epochs such as 25epochs
    from_run: str | None = None  # `from` on the command line: take the rationals of that run, frozen

    def check(self, config: Config) -> None:
        from rrn.activations.fitting.functions import NAMES  # imports NumPy, 0.1 s that other choices do not need
        from rrn.activations.fitting.presets import PRESETS

        require(self.from_run != "", "act.from", "the folder of a run, or null", "nothing")
        require(self.preset in PRESETS, "act.preset", f"one of {', '.join(PRESETS)}", self.preset)
        require(self.init in NAMES, "act.init", f"one of {', '.join(NAMES)}", self.init)
        delay = 0 if self.delay is None else parse_int(self.delay.removesuffix("epochs"))
        expected = "agent steps such as 100000, or epochs such as 25epochs, or null"
        require(delay is not None and delay >= 0, "act.delay", expected, self.delay)
        pair = len(self.degrees) == 2 and min(self.degrees, default=0) >= 1
        require(pair, "act.degrees", "two whole numbers of at least 1, such as [5,4]", self.degrees)


ACTS: dict[str, type[ActConfig]] = {
    **dict.fromkeys(ACTIVATIONS, ActConfig),
    "rational": RationalConfig,
    "recurrent_rational": RationalConfig,
}
