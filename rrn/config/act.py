"""Settings of activations. The defaults are in conf/act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from rrn.activations.fitting.formula import VERSIONS
from rrn.activations.registry import ACTIVATIONS
from rrn.common.numbers import parse_int
from rrn.config.settings import LARGE, STEPS, require, setting

if TYPE_CHECKING:
    from rrn.config.schema import Config

MOST_DEGREE = 12  # that a fit may have: LARGEST_DEGREE in rrn/activations/fitting/fit.py


@dataclass
class ActConfig:
    """Settings of an activation without options, such as act=relu."""

    name: str = MISSING
    kind: str | None = None  # the activation that it is, where a file of the user gives it another name; null: name

    def check(self, config: Config) -> None:
        """Check values that need more than a range.

        Raises:
            UserError: a value that makes no sense.
        """


@dataclass
class OwnActConfig(ActConfig):
    """Settings of act=<package.module:Class>, a module of torch or of your own."""

    target: str = MISSING  # the class
    kwargs: dict[str, Any] | None = setting(None, about="arguments of the class, such as {beta: 1.0}; null: none")


@dataclass
class RationalConfig(ActConfig):
    """Settings of act=rational and act=recurrent_rational."""

    init: str = setting(about="the function that a rational starts as, such as relu, leaky_relu or gelu")
    version: str = setting(choices=VERSIONS, about="form of the denominator")
    degrees: list[int] = setting(about="of numerator and denominator, 1 to 12 each")
    preset: str = setting(about="which approximation of init: l2, minimax or wide")
    share: list[int] | None = setting(
        about="a number for each activation site, equal ones share a rational, such as [1,1,2]; null: none share, or "
        "all of recurrent_rational"
    )
    trainable: bool = setting(about="learn the coefficients")
    train_numerator: bool = setting(about="learn those of the numerator")
    train_denominator: bool = setting(about="learn those of the denominator")
    lr: float | None = setting(
        above=0, at_most=LARGE, about="learning rate of the coefficients; null: that of the weights"
    )
    # newer than some runs, whose config.yaml lacks them: so with defaults here
    per: str = setting(
        "tensor", choices=("tensor", "channel"), about="what has coefficients of its own: each site, or each channel"
    )
    delay: str | None = setting(
        None, about="the coefficients learn after so many agent steps, or evaluations such as 25epochs; null: at once"
    )
    freeze_after: str | None = setting(
        None, about="the coefficients learn for so many agent steps, or evaluations such as 25epochs; null: always"
    )
    # `from` on the command line
    from_run: str | None = setting(None, about="folder of a run whose rationals to take, frozen; null: none")

    def check(self, config: Config) -> None:
        from rrn.activations.fitting.functions import NAMES  # imports NumPy, 0.1 s that other choices do not need
        from rrn.activations.fitting.presets import PRESETS

        require(self.from_run != "", "act.from", "the folder of a run, or null", "nothing")
        require(self.preset in PRESETS, "act.preset", f"one of {', '.join(PRESETS)}", self.preset)
        require(self.init in NAMES, "act.init", f"one of {', '.join(NAMES)}", self.init)
        expected = "agent steps such as 100000, or epochs such as 25epochs, or null"
        for name, text in (("act.delay", self.delay), ("act.freeze_after", self.freeze_after)):
            number = 0 if text is None else parse_int(text.removesuffix("epochs"))
            require(number is not None and 0 <= number <= STEPS, name, expected, text)
        pair = len(self.degrees) == 2 and min(self.degrees) >= 1 and max(self.degrees) <= MOST_DEGREE
        require(pair, "act.degrees", f"two whole numbers from 1 to {MOST_DEGREE}, such as [5,4]", self.degrees)


ACTS: dict[str, type[ActConfig]] = {
    **dict.fromkeys(ACTIVATIONS, ActConfig),
    "rational": RationalConfig,
    "recurrent_rational": RationalConfig,
}
