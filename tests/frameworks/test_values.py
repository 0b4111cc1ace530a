"""R(x) and its gradients are the same numbers in every framework, far from zero and at zero too."""

from __future__ import annotations

import numpy as np
import pytest
from adapters import INSTALLED, each_framework

import rrn.numpy
from rrn.activations.fitting.formula import VERSIONS, denominator_size
from rrn.activations.fitting.presets import initial_coefficients
from rrn.frameworks.formula import Values, limit, sign

ODD = [0.0, -0.0, 1e-38, -1e-38, 1e5, -1e5, 1e10, -1e10, 1e30, -1e30]
ENDS = (-1.5, 2.0)
FORMS = [(version, 5, 4, 1) for version in VERSIONS]
FORMS += [("A", 7, 6, 1), ("B", 3, 2, 4), ("C", 4, 4, 4), ("N", 3, 4, 4), ("D", 5, 4, 4), ("A", 2, 5, 2)]
MOST = {"float64": (8, 6, 40), "float32": (16, 12, 80)}  # units of y, of the slope and of the coefficients' gradients
each_form = pytest.mark.parametrize(("version", "n", "m", "groups"), FORMS)


def coefficients(version, n, m, groups, seed=0):
    """Random coefficients, of each sign; for N without poles on the line."""
    random = np.random.default_rng(seed)
    a = random.normal(size=(groups, n + 1))
    b = random.normal(size=(groups, denominator_size(m, version))) * 0.3
    if version == "N":
        b[:, 0::2] = 0
        b = np.abs(b)
    return a, b


def inputs(odd=ODD, seed=0):
    """[2, 12, 5], where axis 1 can be split into 2 or 4 groups."""
    random = np.random.default_rng(seed)
    x = random.normal(size=120) * 3
    x[: len(odd)] = odd
    return random.permutation(x).reshape(2, 12, 5), random.normal(size=(2, 12, 5))


class Expected:
    """R and its gradients by the formula, in float64 or better, with the rounding that each may have.

    The unit of y and of the slope is the rounding of the polynomials (docs/frameworks.md); that of the gradients of
    coefficients is the rounding of the largest term of the largest of them.
    """

    def __init__(self, x, a, b, version, grad, is_double=True):
        groups = len(a)
        parts = x.reshape(2, groups, -1, 5).astype(np.longdouble)
        rows = [[c.astype(np.longdouble)[None, :, None, None] for c in coefficients.T] for coefficients in (a, b)]
        far = limit(np, *rows, is_double)
        v = Values(np, parts, *rows, version, far)
        grad = grad.reshape(parts.shape)
        self.y = v.value.reshape(x.shape)
        self.slope = v.slope.reshape(x.shape)
        signs = sign(np, b) if version == "A" else 1.0
        terms_a, terms_b = ([grad * factor for factor in v.powers(c.shape[1], of)] for c, of in ((a, "a"), (b, "b")))
        self.by_a = np.stack([term.sum((0, 2, 3)) for term in terms_a], -1)
        self.by_b = np.stack([term.sum((0, 2, 3)) for term in terms_b], -1) * signs
        size_p = sum(np.abs(c * v.z**i) for i, c in enumerate(rows[0]))
        size_s = sum(np.abs(c * v.y ** (i + v.first)) for i, c in enumerate(rows[1]))
        unit = (np.abs(v.by_p) * size_p + np.abs(v.by_s) * (1 + size_s)).reshape(x.shape)
        self.unit_y = np.maximum(unit, np.abs(self.y))
        self.unit_slope = 1e-12 + self.unit_y / np.maximum(np.abs(x), 1e-3) * max(a.shape[1], b.shape[1])
        self.unit_a, self.unit_b = (
            np.max([np.abs(term).max((0, 2, 3)) for term in terms], 0)[:, None] for terms in (terms_a, terms_b)
        )


def worst(found, expected, unit):
    """The largest difference in roundings of the dtype of what was found, where numbers do not underflow."""
    assert found.shape == expected.shape
    rounding = np.finfo(found.dtype).eps / 2
    unit = np.maximum(unit, np.finfo(found.dtype).tiny / rounding) * rounding
    return float((np.abs(found.astype(np.longdouble) - expected) / unit).max())


@each_framework
@each_form
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_and_gradients(framework, version, n, m, groups, dtype):
    if dtype not in framework.dtypes:
        pytest.skip(f"{framework.name} has no {dtype}")
    (x, grad), (a, b) = inputs(), coefficients(version, n, m, groups)
    x, grad, a, b = (c.astype(dtype) for c in (x, grad, a, b))
    is_double = dtype == "float64" or (max(n, b.shape[1]) > 5 and framework.float64_above_degree_5)
    if max(n, b.shape[1]) > 5 and not is_double:
        x = np.clip(x, -1e4, 1e4)
    if dtype == "float32" and not framework.denormals:
        x = np.where(np.abs(x) < 1e-37, 0, x).astype(dtype)
    e = Expected(x, a, b, version, grad, is_double)
    y, (most_y, most_x, most_sum) = framework.rational(x, a, b, version), MOST[dtype]
    assert y.dtype == dtype
    assert worst(y, e.y, e.unit_y) <= most_y
    by_x, by_a, by_b = framework.gradients(grad, x, a, b, version)
    assert worst(by_x, grad * e.slope, np.abs(grad) * e.unit_slope) <= most_x
    assert worst(by_a, e.by_a, e.unit_a) <= most_sum
    assert worst(by_b, e.by_b, e.unit_b) <= most_sum


@each_framework
def test_a_finite_input_has_a_finite_value_and_slope(framework):
    """At 3e38 too, where excess / |x| is denormal and powers overflow; values of the standard leaky_relu there."""
    a, b = (np.array([c], dtype=np.float32) for c in initial_coefficients("leaky_relu", (5, 4), "A"))
    x = np.array([[3e38, -3e38, np.inf, -np.inf, np.nan]], dtype=np.float32)
    y = framework.rational(x, a, b, "A")[0]
    slope = framework.gradients(np.ones_like(x), x, a, b, "A")[0][0]
    leading = a[0, 5] / abs(b[0, 3])
    assert np.allclose(y[:2], [leading * 3e38, -leading * 3e38], rtol=1e-5)
    assert np.allclose(slope[:4], leading, rtol=1e-5)
    assert np.array_equal(y[2:], [np.inf, -np.inf, np.nan], equal_nan=True)
    assert np.isnan(slope[4])


@each_framework
@pytest.mark.parametrize("version", VERSIONS)
def test_the_sign_of_zero_is_plus_one(framework, version):
    """At x = 0 the slope is that from above, and a b_j of 0 has a gradient: sum(grad x^j P / Q^2) times -1."""
    a, b = np.array([[0.5, 1.0, 0.25]]), np.zeros((1, denominator_size(2, version)))
    x = np.array([[0.0, -0.0, 1.0]])
    by_x, by_a, by_b = framework.gradients(np.ones_like(x), x, a, b, version)
    q = 0.1 if version == "C" else 1.0
    assert np.allclose(by_x, np.array([[1.0, 1.0, 1.5]]) / q, rtol=1e-12)
    assert np.allclose(by_a, np.array([[3.0, 1.0, 1.0]]) / q, rtol=1e-12)
    expected = [-1.75, -1.75] if version != "C" else [-(0.5 + 0.5 + 1.75), -1.75, -1.75]
    assert np.allclose(by_b, np.array([expected]) / q**2, rtol=1e-12)


@pytest.mark.parametrize("framework", [f for f in INSTALLED if f.second], ids=lambda framework: framework.name)
@pytest.mark.parametrize(("version", "n", "m"), [("A", 5, 4), ("B", 4, 4), ("C", 3, 4)])
def test_second_derivatives(framework, version, n, m):
    """As central differences of the slope by NumPy; at 0 as just above it; in float32 where q^2 overflows too."""
    a, b = coefficients(version, n, m, 1)
    x = np.array([[0.3, -0.3, 2.0, -5.0, 40.0, 1e3, -1e3, 0.0, -0.0, 1e-9, 1e5, -1e5, 1e6, 1e7, -1e10, 1e30]])
    step = 1e-5 * np.abs(x)
    slope = rrn.numpy.gradients(np.ones_like(x), x, a, b, version)[0]
    high, low = (rrn.numpy.gradients(np.ones_like(x), x + h, a, b, version)[0] ** 2 for h in (step, -step))
    found = framework.second_derivative(x, a, b, version)
    assert np.allclose(found[0, :7], ((high - low)[0, :7] / (2 * step[0, :7])), rtol=1e-5, atol=1e-9)
    assert np.allclose(found[0, 7:9], found[0, 9], rtol=1e-6)
    rough = framework.second_derivative(*(c.astype(np.float32) for c in (x, a, b)), version)
    x, slope, difference = (c[0, 10:] for c in (x, slope, rough - found))
    assert (np.abs(difference) <= 2e-5 * (slope**2 / np.abs(x) + 1e-12)).all()


@each_framework
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("groups", [1, 4])
def test_linear_tails(framework, version, groups):
    """Equal to R between the ends; beyond them the tangent, with gradients as central differences have them."""
    a, b = coefficients(version, 3, 2, groups)
    x, grad = inputs(odd=[*ENDS, 40.0, -40.0])  # not 0, where |x| and |S| have no derivative
    inside = (x >= ENDS[0]) & (x <= ENDS[1])
    y = framework.rational(x, a, b, version, 1, ENDS)
    assert np.allclose(y[inside], framework.rational(np.clip(x, *ENDS), a, b, version)[inside], rtol=1e-12, atol=0)
    found = framework.gradients(grad, x, a, b, version, 1, ENDS)
    step, arguments = 1e-6, [x, a, b]
    for place, gradient in enumerate(found):
        direction = np.random.default_rng(place).normal(size=gradient.shape)
        ends = []
        for way in (step, -step):
            moved = [c + way * direction if i == place else c for i, c in enumerate(arguments)]
            ends.append((grad * framework.rational(*moved, version, 1, ENDS)).sum())
        assert np.isclose((gradient * direction).sum(), (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-6)


@each_framework
@pytest.mark.parametrize("shape", [(0, 4), (), (1,), (2, 0, 4)])
def test_empty_and_0_d_inputs(framework, shape):
    a, b = coefficients("A", 5, 4, 1)
    x = np.full(shape, 0.5)
    y = framework.rational(x, a, b, "A", -1)
    assert y.shape == shape
    assert np.allclose(y, framework.rational(np.full((1, 1), 0.5), a, b, "A")[0, 0])
    by_x, by_a, by_b = framework.gradients(np.ones(shape), x, a, b, "A", -1)
    assert by_x.shape == shape
    assert (by_a.shape, by_b.shape) == (a.shape, b.shape)
    assert (by_a == 0).all() == (x.size == 0)


@each_framework
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_small_types_are_computed_in_float32(framework, dtype):
    if dtype not in framework.dtypes:
        pytest.skip(f"{framework.name} has no {dtype}")
    x = np.linspace(-3, 3, 12).reshape(1, 12)
    x = x.astype(np.float16) if dtype == "float16" else (x.astype(np.float32).view(np.uint32) & 0xFFFF0000).view("f4")
    a, b = (c.astype(np.float32) for c in coefficients("A", 5, 4, 1))
    y, exact = framework.rational(x, a, b, "A", dtype=dtype), rrn.numpy.rational(x.astype(np.float32), a, b)
    assert np.allclose(y, exact, rtol=2.0**-10 if dtype == "float16" else 2.0**-7, atol=0)


@each_framework
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"version": "E"}, "version: expected one of A, B, C, D, N, got 'E'"),
        ({"a": np.ones((2, 6))}, "expected a numerator"),
        ({"a": np.ones(6)}, "expected a numerator"),
        ({"a": np.ones((5, 6)), "b": np.ones((5, 4))}, "multiple of groups=5"),
    ],
)
def test_mistakes_are_sentences(framework, arguments, message):
    given = {"x": np.ones((2, 12)), "a": np.ones((1, 6)), "b": np.ones((1, 4)), "version": "A", **arguments}
    with pytest.raises(ValueError, match=message):
        framework.rational(**given)
