"""Rational activations for Keras 3 on torch, JAX and TensorFlow: the layer `Rational` and the function `rational`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rrn.activations.fitting.form import Form, Init
from rrn.activations.fitting.formula import VERSIONS
from rrn.common.errors import UserError
from rrn.common.extras import needs
from rrn.frameworks.arrays import check
from rrn.frameworks.keras_private import sequential_with

try:
    with needs("rrn.keras", "keras"):
        import keras
except ModuleNotFoundError as error:
    if error.name not in ("tensorflow", "jax", "torch"):
        raise
    raise UserError(
        f"expected Keras to find its backend, but {error.name} is not installed: pip install {error.name}, or set "
        "KERAS_BACKEND to torch, jax or tensorflow, the one that is, before Keras is imported."
    ) from None

Tensor = Any  # of the backend
Ends = tuple[float, float]
Shape = tuple[int | None, ...]


def _function(backend: str) -> Callable[..., Tensor]:
    """Return the `rational` of a backend."""
    if backend == "jax":
        from rrn.jax import rational

        return rational
    if backend == "tensorflow":
        from rrn.frameworks import tensorflow

        return tensorflow.rational
    if backend != "torch":
        raise UserError(f"KERAS_BACKEND: expected torch, jax or tensorflow for rational activations, got {backend}.")
    from rrn.activations.ops import operator
    from rrn.activations.tails import rational_with_tails

    def rational_or_tails(x, numerator, denominator, version, axis, tail_range):
        if tail_range is None:
            return operator.rational(x, numerator, denominator, version, axis)
        return rational_with_tails(x, numerator, denominator, version, axis, tail_range)

    return rational_or_tails


_rational = _function(keras.backend.backend())


def rational(
    x: Tensor,
    numerator: Tensor,
    denominator: Tensor,
    version: str = "A",
    axis: int = -1,
    tail_range: Ends | None = None,
) -> Tensor:
    """Evaluate R(x) = P(x) / Q(x) element by element, see `rrn.activations.ops.operator.rational`.

    Args:
        x: input, any shape, of a float dtype.
        numerator: [G, n + 1], lowest power first.
        denominator: [G, m], or [G, m + 1] for version C, lowest power first.
        version: form of Q: A, B, C, D or N; D is evaluated without its noise, as B.
        axis: for G > 1, the axis of x whose size is a multiple of G; its consecutive elements share one row.
        tail_range: (low, high), outside of which R is continued by its tangents; None: R everywhere.

    Returns:
        R(x), with the shape and dtype of x. Arithmetic is float32 at least, and float64 for degrees above 5, in JAX if
        `jax_enable_x64` is set.

    Raises:
        ValueError: unknown version, or arrays of other shapes.
    """
    x, numerator, denominator = (keras.ops.convert_to_tensor(c) for c in (x, numerator, denominator))
    _check(x.shape, numerator.shape, denominator.shape, version, axis)
    return _rational(x, numerator, denominator, version, axis, tail_range)


def _check(x: Shape, a: Shape, b: Shape, version: str, axis: int) -> None:
    """Check the shapes of the input, which may have unknown sizes, and of the coefficients."""
    check(tuple(size or 0 for size in x), tuple(a), tuple(b), version, axis)


@keras.saving.register_keras_serializable(package="rrn")
class Rational(keras.layers.Layer):
    """A learnable activation R(x) = P(x) / Q(x) (Molina et al. 2020) as a layer of Keras.

    Called at several places of a functional model, it has one pair of coefficients there: a recurrent rational.

    Args:
        init, degrees, version, preset, groups, tail, tail_range: as for `rrn.Rational`.
        axis: for groups > 1, the axis of the input that is split into groups; the last one, of channels, by default.
        train_numerator, train_denominator: False freezes those coefficients.
        seed: of the noise of version D, which multiplies each coefficient by U(0.9, 1.1) in training.
        options: `trainable`, `dtype` and `name`, as for every layer. The arithmetic is float32 at least, whatever the
            dtype, which is that of the output.

    Attributes:
        numerator: [groups, n + 1], lowest power first, float32; float64 with the dtype float64.
        denominator: [groups, m], or [groups, m + 1] for version C.
        form: the other arguments, checked.

    Shape: any input shape; the output has the same.

    Raises:
        ValueError: as for `rrn.Rational`, or a `Sequential` that has the layer twice.
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
        train_numerator: bool = True,
        train_denominator: bool = True,
        seed: int | None = None,
        **options: Any,
    ):
        super().__init__(**options)
        self.form = Form.checked(degrees, version, groups, axis, tail, tail_range)
        start = self.form.start(init, preset)
        # a function and an array are no part of a configuration: the coefficients are
        self._config = {
            "init": init if isinstance(init, str) else [rows.tolist() for rows in start],
            "degrees": self.form.degrees,
            "version": version,
            "preset": preset,
            "groups": self.form.groups,
            "axis": self.form.axis,
            "tail": tail,
            "tail_range": self.form.tail_range,
            "train_numerator": train_numerator,
            "train_denominator": train_denominator,
            "seed": seed,
        }
        self.numerator, self.denominator = (
            self.add_weight(
                shape=rows.shape,
                initializer=lambda shape, dtype, rows=rows: keras.ops.convert_to_tensor(rows, dtype),
                dtype="float64" if self.variable_dtype == "float64" else "float32",
                trainable=trained,
                autocast=False,
                name=name,
            )
            for name, rows, trained in zip(
                ("numerator", "denominator"), start, (train_numerator, train_denominator), strict=True
            )
        )
        self.seed_generator = keras.random.SeedGenerator(seed) if version == "D" else None
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Check that the input can be split into the groups."""
        _check(input_shape, self.numerator.shape, self.denominator.shape, self.form.version, self.form.axis)

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        """Return R(x), with the shape of x and the compute dtype; version D has noise if `training`."""
        numerator, denominator = (keras.ops.convert_to_tensor(c) for c in (self.numerator, self.denominator))
        if training and self.seed_generator:
            numerator, denominator = self._noisy(numerator), self._noisy(denominator)
        x = keras.ops.cast(x, self.compute_dtype)
        return rational(x, numerator, denominator, self.form.version, self.form.axis, self.form.tail_range)

    def _noisy(self, c: Tensor) -> Tensor:
        return c * keras.random.uniform(c.shape, 0.9, 1.1, dtype=c.dtype, seed=self.seed_generator)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the input."""
        return input_shape

    def compute_output_spec(self, x: Any, training: bool | None = None) -> keras.KerasTensor:
        """Return the shape and dtype of the output; refuse a `Sequential` that would be saved without this place."""
        if model := sequential_with(self):
            raise ValueError(
                f"expected the layer {self.name} once in the Sequential {model}, since Keras would save the model with "
                "this place alone; use the functional API, as in x = act(dense_2(act(dense_1(x)))), to share it."
            )
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def coefficients(self) -> tuple[np.ndarray, np.ndarray]:
        """Return numerator and denominator as arrays of NumPy."""
        numerator, denominator = (keras.ops.convert_to_numpy(c) for c in (self.numerator, self.denominator))
        return numerator, denominator

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; in place of a function as `init` the coefficients that were fitted to it."""
        return {**super().get_config(), **self._config}

    def save_own_variables(self, store: Any) -> None:
        """Store the coefficients by name, with the form that they are for."""
        store["numerator"], store["denominator"] = self.coefficients()
        store["form"] = np.array(self._form())

    def load_own_variables(self, store: Any) -> None:
        """Load coefficients of the same form.

        Raises:
            ValueError: they are of another version, other degrees, groups or tails, or of another layer.
        """
        found = [*np.asarray(store["form"])] if "form" in store else []
        if found != self._form():
            raise ValueError(
                f"{self.name}: expected coefficients of {_described(self._form())}, got those of {_described(found)}; "
                "load them into a layer of that form."
            )
        self.numerator.assign(store["numerator"])
        self.denominator.assign(store["denominator"])

    def _form(self) -> list[float]:
        form = self.form
        return [float(VERSIONS.index(form.version)), *form.degrees, form.groups, *(form.tail_range or ())]


def _described(form: list[float]) -> str:
    """Name the form that `save_own_variables` has stored."""
    if len(form) not in (4, 6):
        return "another kind of layer"
    n, m, groups = map(int, form[1:4])
    tails = f", linear tails outside [{form[4]:g}, {form[5]:g}]" if form[4:] else ""
    return f"version {VERSIONS[int(form[0])]}, degrees ({n}, {m}), groups {groups}{tails}"
