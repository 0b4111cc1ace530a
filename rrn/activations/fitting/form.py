"""Form of a rational, checked: what `Rational` of every framework is told beside the function to start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rrn.activations.fitting.formula import check_form, is_range, whole
from rrn.activations.fitting.functions import Function, as_function
from rrn.activations.fitting.presets import initial_coefficients

TAILS = ("rational", "linear")
Init = str | Callable | tuple[ArrayLike, ArrayLike]  # see `Form.start`


@dataclass(frozen=True)
class Form:
    """Form of a rational.

    Attributes:
        degrees: (n, m), the degrees of P and Q.
        version: form of Q: A, B, C, D or N, see `rrn.activations.ops.operator.rational`.
        groups: number of rows of coefficients; with 1, all elements share one row.
        axis: for groups > 1, the axis of the input that is split into groups.
        tail_range: (low, high), where linear tails begin; None: R everywhere.
    """

    degrees: tuple[int, int]
    version: str
    groups: int
    axis: int
    tail_range: tuple[float, float] | None

    @classmethod
    def checked(
        cls,
        degrees: tuple[int, int] = (5, 4),
        version: str = "A",
        groups: int = 1,
        axis: int = 1,
        tail: str = "rational",
        tail_range: tuple[float, float] | None = None,
    ) -> Form:
        """Make a form from the arguments of a `Rational`; linear tails begin at (-3, 3) if no range is given.

        Raises:
            ValueError: one of the arguments is none that a `Rational` has.
        """
        degrees, version = check_form(degrees, version)
        groups, axis = (whole(name, value) for name, value in (("groups", groups), ("axis", axis)))
        if groups < 1:
            raise ValueError(f"groups: expected a whole number of at least 1, got {groups!r}.")
        ends = (-3.0, 3.0) if tail == "linear" and tail_range is None else tail_range
        if tail not in TAILS or (tail == "linear") != (ends is not None) or not (ends is None or is_range(ends)):
            raise ValueError(
                f"tail: expected one of {', '.join(TAILS)}, and for linear ones a tail_range (low, high) with low < "
                f"high, got {tail!r} and {tail_range}."
            )
        return cls(degrees, version, groups, axis, None if ends is None else (float(ends[0]), float(ends[1])))

    def start(
        self, init: Init, preset: str = "l2", as_function: Callable[[Any], Function] = as_function
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute the coefficients to start from: numerator [groups, n + 1] and denominator [groups, m or m + 1].

        Args:
            init: a name (`rrn.activations.fitting.functions.NAMES`), a callable, or a pair (numerator, denominator) of
                coefficients, lowest power first, for all groups or with a row for each.
            preset: how a name or callable is approximated, see `rrn.activations.fitting.presets.PRESETS`.
            as_function: makes a function on arrays of a name or callable.

        Raises:
            ValueError: unknown name or preset, a callable that cannot be fitted, or coefficients of another number.
        """
        rows = [init] if isinstance(init, str) or callable(init) else self._rows(init)
        pairs = [initial_coefficients(row, self.degrees, self.version, preset, as_function) for row in rows]
        pairs *= self.groups // len(pairs)
        numerator, denominator = (np.array(part, dtype=np.float64) for part in zip(*pairs, strict=True))
        return numerator, denominator

    def _rows(self, init: Any) -> list:
        """Return a pair of coefficients for all groups, or one for each."""
        try:
            numerator, denominator = (np.asarray(part, dtype=np.float64) for part in init)
        except (TypeError, ValueError):
            return [init]  # the error is that of `initial_coefficients`
        if numerator.ndim < 2 and denominator.ndim < 2:
            return [init]
        if (
            len(numerator.shape) != 2
            or len(denominator.shape) != 2
            or not (len(numerator) == len(denominator) == self.groups)
        ):
            raise ValueError(
                f"init: expected one row of coefficients, or one for each of {self.groups} groups, got arrays of "
                f"shapes {numerator.shape} and {denominator.shape}."
            )
        return list(zip(numerator, denominator, strict=True))
