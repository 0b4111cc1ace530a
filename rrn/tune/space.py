"""Read the settings to search from words such as agent.learning_rate=interval(1e-4,1e-2) and act=relu,rational."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep, ValueType
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from rrn.common.errors import UserError
from rrn.config import Config
from rrn.config.compose import check_words, choices, compose_runs, parse_word
from rrn.config.differences import dotted

LOG_FROM = 10  # an interval of positive numbers whose ends differ by this factor is searched on a logarithmic scale
DIGITS = 4  # of a drawn number, significant ones: the word that repeats a run is short


@dataclass(frozen=True)
class Dimension:
    """A setting to search: its dotted name and what its values are drawn from."""

    key: str
    distribution: BaseDistribution

    def word(self, value: Any) -> str:
        """Return the word of a command line that sets it to a drawn value, such as agent.gamma=0.9731."""
        return f"{self.key}={value:.{DIGITS}g}" if isinstance(value, float) else f"{self.key}={value}"

    def ends(self) -> list[Any]:
        """Return the values to check before the search: both ends of a range, or every choice."""
        each = self.distribution
        if isinstance(each, CategoricalDistribution):
            return list(each.choices)
        return [cast(FloatDistribution, each).low, cast(FloatDistribution, each).high]

    def __str__(self) -> str:
        each = self.distribution
        if isinstance(each, CategoricalDistribution):
            return f"{self.key}: {', '.join(map(str, each.choices))}"
        number = cast(FloatDistribution, each)
        step = f" in steps of {number.step:g}" if number.step and number.step != 1 else ""
        whole = "whole numbers, " if isinstance(each, IntDistribution) else ""
        return f"{self.key}: {number.low:g} to {number.high:g}{step} ({whole}{'log' if number.log else 'linear'} scale)"


@dataclass(frozen=True)
class Space:
    """The settings to search, and the words that all trials share."""

    dimensions: tuple[Dimension, ...]
    fixed: tuple[str, ...]

    def words(self, values: dict[str, Any]) -> list[str]:
        """Return the words of a trial with these values, by dotted name."""
        return [*self.fixed, *(each.word(values[each.key]) for each in self.dimensions)]

    def distributions(self) -> dict[str, BaseDistribution]:
        """Return what the values are drawn from, by dotted name."""
        return {each.key: each.distribution for each in self.dimensions}


def read_space(words: Iterable[str]) -> Space:
    """Read and check the words of a search, within `hydra_ready`.

    Raises:
        UserError: nothing is to be searched, an interval is none, or a configuration at an end of one makes no sense.
    """
    swept: list[Override] = []
    fixed: list[str] = []
    parser = OverridesParser.create()
    for word in words:
        override = parse_word(parser, word)
        key = override.get_key_element()
        if not override.is_sweep_override():
            fixed.append(word)
        elif key == "seed" or key.startswith("hydra"):
            raise UserError(f"{word}: expected one value; seeds=3 trains each trial with three seeds.")
        else:
            swept.append(override)
    if not swept:
        raise UserError(
            "nothing to search: expected a setting such as 'agent.learning_rate=interval(1e-4,1e-2)' or act=relu,silu."
        )
    check_words(fixed)
    first = [f"{override.get_key_element()}={_first(override)}" for override in swept]
    config = compose_runs([*fixed, *first])[0]
    space = Space(tuple(_dimension(override, config) for override in swept), tuple(fixed))
    start = {each.key: each.ends()[0] for each in space.dimensions}
    for each in space.dimensions:
        for value in each.ends():
            compose_runs(space.words(start | {each.key: value}))
    return space


def _first(override: Override) -> Any:
    if override.value_type == ValueType.INTERVAL_SWEEP:
        low = cast(IntervalSweep, override.value()).start
        return int(low) if low is not None and float(low).is_integer() else low
    return next(iter(_values(override)))


def _values(override: Override) -> list[str]:
    key, value = override.get_key_element(), override.value()
    values = value.filter(choices(key)) if isinstance(value, Glob) else list(override.sweep_string_iterator())
    values = [text.lower() if text in ("True", "False") else text for text in values]
    if len(values) < 2:
        raise UserError(f"{override.input_line}: expected two values to search at least.")
    return values


def _dimension(override: Override, config: Config) -> Dimension:
    """Return what a setting is drawn from; whole numbers if the setting is one."""
    key, value = override.get_key_element(), override.value()
    whole = isinstance(dotted(asdict(config)).get(key), int)
    if isinstance(value, IntervalSweep):
        return Dimension(key, _interval(override, value, whole))
    if isinstance(value, RangeSweep) and not value.shuffle:
        numbers = [float(text) for text in _values(override)]
        low, high, step = numbers[0], numbers[-1], numbers[1] - numbers[0]
        if step > 0:
            kind = (
                IntDistribution(int(low), int(high), step=int(step))
                if whole
                else FloatDistribution(low, high, step=step)
            )
            return Dimension(key, kind)
    return Dimension(key, CategoricalDistribution(_values(override)))


def _interval(override: Override, interval: IntervalSweep, whole: bool) -> BaseDistribution:
    low, high, tags = interval.start, interval.end, interval.tags
    if low is None or high is None or not low < high or tags - {"log", "linear"}:
        expected = "interval(LOW,HIGH), or tag(log,interval(LOW,HIGH)) or tag(linear,interval(LOW,HIGH))"
        raise UserError(f"{override.input_line}: expected {expected}, with a lower number first.")
    if "log" in tags and low <= 0:
        raise UserError(f"{override.input_line}: expected numbers above 0 for a logarithmic scale.")
    log = "linear" not in tags and low > 0 and ("log" in tags or high >= LOG_FROM * low)
    if whole:
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(low, high, log=log)
