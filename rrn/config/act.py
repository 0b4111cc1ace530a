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
    """act=<an activation without options>."""

    name: str = MISSING

    def check(self, config: Config) -> None:
        """Check what takes more than a range.

        Raises:
            UserError: a value that makes no sense.
        """


@dataclass
class OwnActConfig(ActConfig):
    """act=<package.module:Class>, a module of torch or of your own."""

    target: str = MISSING  # the class
    kwargs: dict[str, Any] | None = None  # its arguments, such as act.kwargs={beta: 1.0}; null: none


@dataclass
class RationalConfig(ActConfig):
    """act=rational, act=recurrent_rational."""

    init: str = MISSING
    version: str = setting(choices=VERSIONS)
    degrees: list[int] = MISSING
    preset: str = MISSING  # which approximation of init
    share: list[int] | None = MISSING  # which places have one rational; null: as the name says
    trainable: bool = MISSING
    train_numerator: bool = MISSING
    train_denominator: bool = MISSING
    lr: float | None = setting(above=0)  # learning rate of the coefficients; null: that of the weights
    # with defaults here, for the folders of runs that were made before there were these
    per: str = setting("tensor", choices=("tensor", "channel"))
    delay: str | None = None  # how long the coefficients wait: agent steps, or as 25epochs
    from_run: str | None = None  # `from` on the command line: a run whose rationals these are, frozen

    def check(self, config: Config) -> None:
        from rrn.activations.fitting.functions import NAMES  # NumPy, a tenth of a second that others need not wait
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
