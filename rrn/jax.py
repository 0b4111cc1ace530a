"""Rational activations in JAX: `rational` under every transformation, and `init_coefficients`; without torch.

rrn/nnx.py, rrn/linen.py and rrn/equinox.py have modules.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial, reduce
from types import SimpleNamespace
from typing import Any

from rrn.activations.fitting.form import Form, Init
from rrn.activations.fitting.formula import is_range
from rrn.common.extras import needs
from rrn.frameworks.arrays import check
from rrn.frameworks.formula import Values, limit, sign

with needs("rrn.jax", "jax"):
    import jax
    import jax.numpy as jnp
    from jax.custom_derivatives import SymbolicZero

Ends = tuple[float, float]
Rows = tuple[jax.Array, ...]
BLOCK = 2**17  # elements that backward takes at once, about


def rational(
    x: Any,
    numerator: Any,
    denominator: Any,
    version: str = "A",
    axis: int = -1,
    tail_range: Ends | None = None,
) -> jax.Array:
    """Evaluate R(x) = P(x) / Q(x) element by element, see `rrn.activations.ops.operator.rational`.

    All transformations of JAX apply: jit, grad of any order, forward mode, vmap, scan, shard_map, checkpoint, export.
    Backward keeps x and the coefficients only. sign(0) is +1 in all derivatives; where XLA takes denormal numbers for
    0, as on CPUs, so are the derivatives there.

    Args:
        x: input, any shape, of real numbers; whole numbers become JAX's default float, as in functions of jax.numpy.
        numerator: [G, n + 1], lowest power first.
        denominator: [G, m], or [G, m + 1] for version C, lowest power first.
        version: form of Q: A, B, C, D or N; D is evaluated without its noise, as B.
        axis: for G > 1, the axis of x whose size is a multiple of G; its consecutive elements share one row.
        tail_range: (low, high), outside of which R is continued by its tangents; None: R everywhere.

    Returns:
        R(x), with the shape and dtype of x. Arithmetic is float32 at least, and with `jax_enable_x64` float64 for
        degrees above 5. Without it, degrees (7, 6) lose digits beyond an absolute x of about 1e5.

    Raises:
        ValueError: unknown version, arrays that are no numbers or of other shapes, or a range that is none.
    """
    x, a, b = _numbers("x", x), _numbers("numerator", numerator), _numbers("denominator", denominator)
    check(x.shape, a.shape, b.shape, version, axis)
    if not (tail_range is None or is_range(tail_range)):
        raise ValueError(f"tail_range: expected (low, high) with low < high, got {tail_range!r}.")
    return _evaluate(x, a, b, version, axis, tail_range and tuple(map(float, tail_range)))


def init_coefficients(
    init: Init = "leaky_relu",
    degrees: tuple[int, int] = (5, 4),
    version: str = "A",
    *,
    preset: str = "l2",
    groups: int = 1,
    dtype: Any = jnp.float32,
) -> tuple[jax.Array, jax.Array]:
    """Make the coefficients to start from, numerator [groups, n + 1] and denominator [groups, m or m + 1].

    Arguments and errors are those of `rrn.Rational`; a callable may be one of JAX, and is fitted here.
    """
    return start(Form.checked(degrees, version, groups), init, preset, dtype)


def start(form: Form, init: Init, preset: str, dtype: Any) -> tuple[jax.Array, jax.Array]:
    """Make the coefficients to start from in this form, within transformations too."""
    with jax.ensure_compile_time_eval():  # a callable of JAX is evaluated on arrays
        numerator, denominator = form.start(init, preset)
    return jnp.asarray(numerator, dtype), jnp.asarray(denominator, dtype)


def with_noise(key: jax.Array, *coefficients: jax.Array) -> tuple[jax.Array, ...]:
    """Multiply each coefficient by a number of its own from U(0.9, 1.1), the noise of version D in training."""
    keys = jax.random.split(key, len(coefficients))
    return tuple(
        c * jax.random.uniform(k, c.shape, jnp.promote_types(c.dtype, jnp.float32), 0.9, 1.1)
        for k, c in zip(keys, coefficients, strict=True)
    )


@partial(jax.jit, static_argnums=(3, 4, 5))
@partial(jax.checkpoint, static_argnums=(3, 4, 5))  # backward computes all from x again
def _evaluate(x: jax.Array, a: jax.Array, b: jax.Array, version: str, axis: int, ends: Ends | None) -> jax.Array:
    degree = max(a.shape[1] - 1, b.shape[1])  # of version C, whose b is longer by one, from degree 5
    at_least = jax.dtypes.canonicalize_dtype(jnp.float64 if degree > 5 else jnp.float32)
    dtype = jnp.result_type(x.dtype, a.dtype, b.dtype, at_least)
    given, x, a, b = x.dtype, x.astype(dtype), a.astype(dtype), b.astype(dtype)
    rows = _rows(a, x.shape, axis), _rows(b, x.shape, axis)
    if ends is None:
        return _rational(x, *rows, version).astype(given)
    low, high = jnp.asarray(ends, dtype)
    near = jnp.where(x < low, low, jnp.where(x > high, high, x))
    below, above = _rows(_slopes((low, high), a, b, version), x.shape, axis)
    return (_rational(near, *rows, version) + jnp.where(x < low, below, above) * (x - near)).astype(given)


def _rows(c: jax.Array, shape: tuple[int, ...], axis: int) -> Rows:
    """List the columns of coefficients [G, K], each such that it broadcasts against an input of this shape."""
    if len(c) == 1:
        return tuple(c[0])
    axis %= len(shape)
    width = shape[axis] // len(c)
    column = (shape[axis], *(1,) * (len(shape) - axis - 1))
    return tuple(jnp.broadcast_to(k[:, None], (len(c), width)).reshape(column) for k in c.T)


def _slopes(ends: tuple[jax.Array, jax.Array], a: jax.Array, b: jax.Array, version: str) -> jax.Array:
    """Compute R' at both ends for each row of coefficients, [G, 2]."""
    x = jnp.tile(jnp.stack(ends), (len(a), 1))
    rows = _rows(a, x.shape, 0), _rows(b, x.shape, 0)
    return jax.jvp(lambda x: _rational(x, *rows, version), (x,), (jnp.ones_like(x),))[1]


def _rational(x: jax.Array, a: Rows, b: Rows, version: str) -> jax.Array:
    """Evaluate R(x), with coefficients that broadcast against x."""
    return (_small if _blocks(x, a[0].ndim) == 1 else _large)(x, a, b, version)


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _small(x: jax.Array, a: Rows, b: Rows, version: str) -> jax.Array:
    return _values(x, a, b, version).value


def _derivative(version: str, primals: tuple[jax.Array, Rows, Rows], tangents: tuple) -> tuple[jax.Array, jax.Array]:
    """Compute R(x) and its derivative along the tangents, of which some may be `SymbolicZero`."""
    x, a, b = primals
    move_x, move_a, move_b = tangents
    v, terms = _values(x, a, b, version), []
    if type(move_x) is not SymbolicZero:
        terms.append(v.slope * move_x)
    if type(move_a[0]) is not SymbolicZero:
        terms.append(v.by_p * _horner(move_a, v.z))  # so written, backward reads less memory than with by_p z^i
    if type(move_b[0]) is not SymbolicZero:
        moves = [sign(jnp, c) * move for c, move in zip(b, move_b, strict=True)] if version == "A" else move_b
        terms.append((v.by_s * v.y if v.first else v.by_s) * _horner(moves, v.y))
    return v.value, jnp.broadcast_to(sum(terms), v.value.shape)


def _horner(rows: Sequence[jax.Array], z: jax.Array) -> jax.Array:
    return reduce(lambda total, row: total * z + row, reversed(rows))


_small.defjvp(_derivative, symbolic_zeros=True)


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _large(x: jax.Array, a: Rows, b: Rows, version: str) -> jax.Array:
    return _values(x, a, b, version).value


@_large.defjvp
def _(version: str, primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
    x, a, b = primals
    return _values(x, a, b, version).value, jax.jvp(partial(_by_blocks, version=version), primals, tangents)[1]


def _by_blocks(x: jax.Array, a: Rows, b: Rows, version: str) -> jax.Array:
    """Evaluate R(x), on CPUs block by block: what backward computes for its ten sums then stays in the caches."""
    whole = jax.checkpoint(partial(_small, version=version))  # backward computes a block again when it comes to it
    axes = a[0].ndim

    def by_blocks(x: jax.Array, a: Rows, b: Rows) -> jax.Array:
        cut = x.reshape(_blocks(x, axes), -1, *x.shape[x.ndim - axes :])
        return jax.lax.map(lambda block: whole(block, a, b), cut).reshape(x.shape)

    return jax.lax.platform_dependent(x, a, b, cpu=by_blocks, default=whole)


def _blocks(x: jax.Array, axes: int) -> int:
    """Return the number of blocks of x, which leave its last axes whole; 1 where it is small."""
    if not isinstance(x.size, int) or x.size < 2 * BLOCK:
        return 1
    if jax.device_count() > 1 or any(jax.typeof(x).sharding.spec):
        return 1  # blocks would gather an array that several devices share
    rows, counts = math.prod(x.shape[: x.ndim - axes]), range(x.size // BLOCK, 8 * x.size // BLOCK)
    return next((count for count in counts if rows % count == 0), 1)


@jax.custom_jvp
def _divide(p: jax.Array, q: jax.Array) -> jax.Array:
    return p / q


@_divide.defjvp
def _(primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
    """Differentiate p / q without q^2, which overflows in float32; for derivatives of R beyond the first."""
    (p, q), (move_p, move_q) = primals, tangents
    quotient = _divide(p, q)
    return quotient, _divide(move_p - quotient * move_q, q)


_XP = SimpleNamespace(
    abs=jnp.abs, divide=_divide, log2=jnp.log2, maximum=jnp.maximum, ones_like=jnp.ones_like, where=jnp.where
)


def _values(x: jax.Array, a: Rows, b: Rows, version: str) -> Values:
    far = jax.lax.stop_gradient(limit(_XP, a, b, x.dtype == jnp.float64))
    return Values(_XP, x, a, b, version, far)


def _numbers(name: str, given: Any) -> jax.Array:
    """Return an array of floats; raise ValueError with this name for what is none."""
    try:
        values = jnp.asarray(given)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected an array of real numbers, got {type(given).__name__}.") from None
    if jnp.issubdtype(values.dtype, jnp.floating):
        return values
    if values.dtype == bool or jnp.issubdtype(values.dtype, jnp.integer):
        return values.astype(float)
    raise ValueError(f"{name}: expected an array of real numbers, got one of {values.dtype}.")
