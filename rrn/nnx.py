"""Rational activations as modules of Flax NNX: `Rational`; without torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from rrn.activations.fitting.form import Form, Init
from rrn.common.extras import needs
from rrn.jax import Ends, rational, start, with_noise

with needs("rrn.nnx", "jax"):
    import jax
    import jax.numpy as jnp
    from flax import nnx


class Frozen(nnx.Variable):
    """Coefficients that are not trained: no `nnx.Param`, so that optimizers and `nnx.grad` leave them alone."""


class Rational(nnx.Module):
    """A learnable activation R(x) = P(x) / Q(x) (Molina et al. 2020).

    The same instance at several places of a model is what `rrn.RecurrentRational` is in torch: one set of
    coefficients, under the name of the first place in `nnx.state`, and still one after `nnx.clone`, a deep copy, and a
    checkpoint of the state. `nnx.update` with a state of another form is noticed at the next call; arrays alone, as in
    a checkpoint of `nnx.to_pure_dict`, do not say their form.

    Args:
        init, degrees, version, preset, groups, tail, tail_range: as for `rrn.Rational`.
        axis: for groups > 1, the axis of the input that is split into groups; the last one is Flax's channels.
        trainable, train_numerator, train_denominator: False makes those coefficients `Frozen`.
        param_dtype: dtype of the coefficients.
        dtype: to which inputs are converted, and of the result; None: that of the input. Arithmetic is in float32 at
            least.
        deterministic: True turns the noise of version D off, as `model.eval()` does.
        rngs: for version D, whose noise, U(0.9, 1.1) per coefficient, is drawn from the stream "noise" (or "default").

    Raises:
        ValueError: as for `rrn.Rational`; when called, version D without rngs, or coefficients of another form.
    """

    def __init__(
        self,
        init: Init = "leaky_relu",
        degrees: tuple[int, int] = (5, 4),
        version: str = "A",
        *,
        preset: str = "l2",
        groups: int = 1,
        axis: int = -1,
        tail: str = "rational",
        tail_range: Ends | None = None,
        trainable: bool = True,
        train_numerator: bool = True,
        train_denominator: bool = True,
        param_dtype: Any = jnp.float32,
        dtype: Any = None,
        deterministic: bool = False,
        rngs: nnx.Rngs | None = None,
    ):
        self.form = Form.checked(degrees, version, groups, axis, tail, tail_range)
        self.dtype, self.deterministic = dtype, deterministic
        self.rngs = nnx.Rngs(noise=rngs["noise"]())["noise"] if rngs is not None and version == "D" else None
        numerator, denominator = start(self.form, init, preset, param_dtype)
        kinds = [nnx.Param if trainable and trained else Frozen for trained in (train_numerator, train_denominator)]
        self.numerator = kinds[0](numerator, form=self.form)
        self.denominator = kinds[1](denominator, form=self.form)

    def __call__(self, x: jax.Array, *, deterministic: bool | None = None, rngs: nnx.Rngs | None = None) -> jax.Array:
        """Return R(x), with the shape of x; the arguments replace those of the module, as in `nnx.Dropout`."""
        form = self.form
        saved = self.numerator.get_metadata().get("form", form)
        if saved != form:
            raise ValueError(f"expected coefficients of {form}, but those of {saved} were loaded.")
        numerator, denominator = self.numerator[...], self.denominator[...]
        if form.version == "D" and not (self.deterministic if deterministic is None else deterministic):
            stream = self.rngs if rngs is None else rngs["noise"]
            if stream is None:
                raise ValueError("version D: expected rngs=nnx.Rngs(...) for its noise, or deterministic=True.")
            numerator, denominator = with_noise(stream(), numerator, denominator)
        x = x if self.dtype is None else jnp.asarray(x, self.dtype)
        return rational(x, numerator, denominator, form.version, form.axis, form.tail_range)

    def coefficients(self) -> tuple[np.ndarray, np.ndarray]:
        """Return numerator [groups, n + 1] and denominator [groups, m or m + 1] as arrays of NumPy."""
        return np.asarray(self.numerator[...]), np.asarray(self.denominator[...])
