"""R(x) = P(x) / Q(x) and its derivatives on arrays of NumPy, jax.numpy or keras.ops, far from overflow.

This is rrn/activations/ops/reference.py without torch: the same rule far from zero (docs/details.md no. 17), and
sign(0) = +1 in all derivatives. Differentiating P / Q by the framework instead squares Q, which overflows in float32.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

Array = Any  # of the library xp
Rows = Any  # a sequence of arrays, or an array with one more axis at its front


def limit(xp: Any, a: Rows, b: Rows, is_double: bool) -> Array:
    """Return the largest |x| whose powers, times the coefficients, are far from overflow, [shape of a row of a].

    No derivative goes through it.
    """
    largest = reduce(xp.maximum, [xp.abs(c) for c in (*a, *b)])
    exponent = 1000.0 if is_double else 120.0
    return 2.0 ** ((exponent - xp.log2(xp.maximum(largest, 1.0))) / max(len(a) - 1, len(b)))


class Values:
    """Value and derivatives of R at x.

    Args:
        xp: numpy, keras.ops or another library with `abs`, `divide`, `log2`, `maximum`, `ones_like` and `where`. If it
            differentiates what is here, its `divide` must not square a denominator to do so.
        x: [any shape], of the dtype of the arithmetic, as are all arrays.
        a: coefficients of z^0 to z^n in P, each [broadcasts against x].
        b: coefficients in Q of z^1 to z^m, for version C of z^0 to z^m, each [broadcasts against x].
        version: A, B, C, D or N.
        limit: from `limit`.

    Attributes:
        value: R(x).
        slope: derivative of R w.r.t. x.
        z: x inside the limit; the derivative of R w.r.t. a_i is `by_p` z^i.
        y: z, for version A |z|; the derivative w.r.t. b_j is `by_s` y^j, for version A times the sign of b_j.
        first: the lowest power j.
    """

    def __init__(self, xp: Any, x: Array, a: Rows, b: Rows, version: str, limit: Array):
        self.first = 0 if version == "C" else 1  # version C alone has a b_0
        excess = len(a) - 1 - (len(b) - 1 + self.first)  # n - m
        sign_x = sign(xp, x)
        size = x * sign_x
        far = size > limit
        self.z = xp.where(far, sign_x * limit, x)
        ratio = xp.where(far, size / limit, 1.0)
        tail = _power(ratio, excess)
        self.y, c = (self.z * sign_x, [row * sign(xp, row) for row in b]) if version == "A" else (self.z, b)
        p, slope_p = _polynomial(a, self.z)
        s, slope_s = _polynomial(c, self.y)
        if self.first:
            s, slope_s = s * self.y, slope_s * self.y + s
        flip = sign(xp, s) if version in "BCD" else 1.0
        q = (0.1 if version == "C" else 1.0) + flip * s
        r = xp.divide(p, q)
        self.value = r * tail
        self.by_p = xp.divide(tail, q)
        self.by_s = -r * self.by_p * flip  # not value / q, of which XLA makes p / q^2
        through_s = r * slope_s * (flip * sign_x if version == "A" else flip)
        outside = r * (excess * _power(ratio, excess - 1) / limit) * sign_x  # excess / |x| would be denormal
        self.slope = xp.where(far, outside, xp.divide(slope_p - through_s, q))

    def powers(self, size: int, of: str) -> list[Array]:
        """Return the factors of `size` coefficients: by_p z^i for `of` = "a", by_s y^j for "b", each [shape of x]."""
        term, base = (self.by_p, self.z) if of == "a" else (self.by_s, self.y)
        if of == "b" and self.first:
            term = term * base
        terms = [term]
        while len(terms) < size:
            terms.append(terms[-1] * base)
        return terms


def sign(xp: Any, x: Array) -> Array:
    """Return the sign of x, [shape of x], +1 at zero, so that a coefficient that starts at zero learns."""
    return xp.where(x < 0, xp.ones_like(x) * -1.0, xp.ones_like(x))


def _polynomial(c: Rows, z: Array) -> tuple[Array, Array]:
    """Evaluate sum_i c_i z^i and its derivative, by Horner's rule."""
    total, slope = c[-1] + 0.0 * z, 0.0 * z
    for row in reversed(c[:-1]):
        slope = slope * z + total
        total = total * z + row
    return total, slope


def _power(x: Array, exponent: int) -> Array | float:
    """Return x to a whole power, by multiplication."""
    if exponent < 0:
        return _power(1.0 / x, -exponent)  # 1 / x^k has no derivative where x^k overflows
    return reduce(lambda product, _: product * x, range(exponent), 1.0)
