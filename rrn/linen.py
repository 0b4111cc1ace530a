"""Rational activations as modules of Flax Linen: `Rational`; without torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from rrn.activations.fitting.form import Form, Init
from rrn.common.extras import needs
from rrn.jax import Ends, rational, start, with_noise

with needs("rrn.linen", "jax"):
    import jax
    import jax.numpy as jnp
    from flax import linen as nn


class Rational(nn.Module):
    """A learnable activation R(x) = P(x) / Q(x) (Molina et al. 2020).

    The same instance called at several places is what `rrn.RecurrentRational` is in torch: one set of coefficients in
    the tree. It has one name there, that of the instance, `Rational(name="act")` in `nn.compact`.

    Args:
        start: the function to start from, as `init` of `rrn.Rational`; `init` is a method of every module of Flax.
        degrees, version, preset, groups, tail, tail_range: as for `rrn.Rational`.
        axis: for groups > 1, the axis of the input that is split into groups; the last one is Flax's channels.
        trainable, train_numerator, train_denominator: False puts those coefficients into the collection "frozen" in
            place of "params".
        param_dtype: dtype of the coefficients.
        dtype: to which inputs are converted, and of the result; None: that of the input. Arithmetic is in float32 at
            least.
        deterministic: for version D: True turns its noise, U(0.9, 1.1) per coefficient, off; False draws it from the
            stream "noise". It must be given here or in the call, as for `nn.Dropout`.

    Parameters of another version with arrays of the same shapes are taken as they are: a tree of Linen has arrays only.

    Raises:
        ValueError: as for `rrn.Rational`, when it is initialised or called.
    """

    start: Init = "leaky_relu"
    degrees: tuple[int, int] = (5, 4)
    version: str = "A"
    preset: str = "l2"
    groups: int = 1
    axis: int = -1
    tail: str = "rational"
    tail_range: Ends | None = None
    trainable: bool = True
    train_numerator: bool = True
    train_denominator: bool = True
    param_dtype: Any = jnp.float32
    dtype: Any = None
    deterministic: bool | None = None

    def setup(self) -> None:
        self.form = Form.checked(self.degrees, self.version, self.groups, self.axis, self.tail, self.tail_range)
        self.numerator = self._declare("numerator", 0, self.train_numerator)
        self.denominator = self._declare("denominator", 1, self.train_denominator)

    def _declare(self, name: str, part: int, trained: bool) -> jax.Array:
        def begin(*_: Any) -> jax.Array:
            return start(self.form, self.start, self.preset, self.param_dtype)[part]

        if self.trainable and trained:
            return self.param(name, begin)
        return self.variable("frozen", name, begin).value

    def __call__(self, x: jax.Array, deterministic: bool | None = None) -> jax.Array:
        """Return R(x), with the shape of x."""
        numerator, denominator = self.numerator, self.denominator
        if self.version == "D" and not nn.merge_param("deterministic", self.deterministic, deterministic):
            numerator, denominator = with_noise(self.make_rng("noise"), numerator, denominator)
        x = x if self.dtype is None else jnp.asarray(x, self.dtype)
        return rational(x, numerator, denominator, self.version, self.axis, self.form.tail_range)

    def coefficients(self) -> tuple[np.ndarray, np.ndarray]:
        """Return numerator [groups, n + 1] and denominator [groups, m or m + 1] as arrays of NumPy.

        The module must be bound to its variables, as in `model.bind(variables).act.coefficients()`.
        """
        return np.asarray(self.numerator), np.asarray(self.denominator)
