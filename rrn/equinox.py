"""Rational activations as modules of Equinox: `Rational`; without torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from rrn.activations.fitting.form import Form, Init
from rrn.activations.fitting.formula import VERSIONS
from rrn.common.extras import needs
from rrn.jax import Ends, rational, start, with_noise

with needs("rrn.equinox", "jax"):
    import equinox as eqx
    import jax
    import jax.numpy as jnp


class Rational(eqx.Module):
    """A learnable activation R(x) = P(x) / Q(x) (Molina et al. 2020).

    One field of a model, called at several places, is what `rrn.RecurrentRational` is in torch. The same instance in
    two fields is two sets of coefficients after the first step of training, as for every module of Equinox;
    `equinox.nn.Shared` ties them. `eqx.nn.MLP(activation=Rational())` makes a set for each neuron.

    Args:
        init, degrees, version, preset, groups, tail, tail_range: as for `rrn.Rational`.
        axis: for groups > 1, the axis of the input that is split into groups; inputs have no batch axis here.
        trainable, train_numerator, train_denominator: False makes the gradients of those coefficients 0. Weight decay
            moves them nevertheless, unless it is masked.
        dtype: of the coefficients. The result has the dtype of the input; arithmetic is float32 at least.
        inference: True turns the noise of version D off, as `eqx.nn.inference_mode` does.
        key: not used, since nothing is drawn at the start; so that all layers can be made alike.

    Raises:
        ValueError: as for `rrn.Rational`; when called, version D without a key, or coefficients of another version.
    """

    numerator: jax.Array
    denominator: jax.Array
    inference: bool
    saved_version: int  # a leaf, so that `eqx.tree_serialise_leaves` saves it
    form: Form = eqx.field(static=True)
    trained: tuple[bool, bool] = eqx.field(static=True)

    def __init__(
        self,
        init: Init = "leaky_relu",
        degrees: tuple[int, int] = (5, 4),
        version: str = "A",
        *,
        preset: str = "l2",
        groups: int = 1,
        axis: int = 0,
        tail: str = "rational",
        tail_range: Ends | None = None,
        trainable: bool = True,
        train_numerator: bool = True,
        train_denominator: bool = True,
        dtype: Any = jnp.float32,
        inference: bool = False,
        key: jax.Array | None = None,
    ):
        self.form = Form.checked(degrees, version, groups, axis, tail, tail_range)
        self.numerator, self.denominator = start(self.form, init, preset, dtype)
        self.inference, self.saved_version = inference, VERSIONS.index(version)
        self.trained = (trainable and train_numerator, trainable and train_denominator)

    def __call__(self, x: jax.Array, *, key: jax.Array | None = None, inference: bool | None = None) -> jax.Array:
        """Return R(x), with the shape of x; version D draws its noise, U(0.9, 1.1) per coefficient, from the key."""
        form, saved = self.form, self.saved_version
        if isinstance(saved, int) and saved != VERSIONS.index(form.version):
            raise ValueError(
                f"expected coefficients of version {form.version}, but those of version {VERSIONS[saved]} were loaded."
            )
        numerator, denominator = (
            c if trained else jax.lax.stop_gradient(c)
            for c, trained in zip((self.numerator, self.denominator), self.trained, strict=True)
        )
        if form.version == "D" and not (self.inference if inference is None else inference):
            if key is None:
                raise ValueError("version D: expected a key for its noise, or inference=True.")
            numerator, denominator = with_noise(key, numerator, denominator)
        return rational(x, numerator, denominator, form.version, form.axis, form.tail_range)

    def coefficients(self) -> tuple[np.ndarray, np.ndarray]:
        """Return numerator [groups, n + 1] and denominator [groups, m or m + 1] as arrays of NumPy."""
        return np.asarray(self.numerator), np.asarray(self.denominator)
