"""rrn.numpy: the numbers of torch with kernels and without, its class, small types, and no warnings."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import rrn.numpy
from rrn.activations.fitting.formula import VERSIONS, denominator_size
from rrn.activations.fitting.functions import as_function
from rrn.frameworks import arrays

ODD = [0, -0.0, 1e-38, -1e-38, 1e30, -1e30, 1e10]
each_version = pytest.mark.parametrize("version", VERSIONS)
without_kernels = pytest.mark.skipif(arrays.KERNELS is None, reason="no kernel was built")
pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(params=["kernels", "plain"])
def way(request, monkeypatch):
    """With the compiled kernels, and by plain NumPy."""
    if request.param == "plain":
        monkeypatch.setattr(arrays, "KERNELS", None)
    elif arrays.KERNELS is None:
        pytest.skip("no kernel was built")


def example(version, n=5, m=4, groups=1, shape=(2, 12, 4), odd=ODD):
    """Inputs, gradients w.r.t. R(x) and coefficients; for version N without poles."""
    random = np.random.default_rng(0)
    x = random.normal(size=np.prod(shape)) * 3
    x[: len(odd)] = odd
    a = random.normal(size=(groups, n + 1))
    b = abs(random.normal(size=(groups, denominator_size(m, version)))) * 0.3
    b[:, 0::2] *= 0 if version == "N" else -1
    return random.permutation(x).reshape(shape), random.normal(size=shape), a, b


def everything(x, grad, *arguments):
    """R(x) and the three gradients."""
    return rrn.numpy.rational(x, *arguments), *rrn.numpy.gradients(grad, x, *arguments)


def close(found, expected, most):
    """Elements of y and of its slope beside max(1, |y|), sums beside the largest of them."""
    units = [np.maximum(1, abs(q)) if place < 2 else abs(q).max() for place, q in enumerate(expected)]
    return all((abs(p - q) <= most * unit).all() for p, q, unit in zip(found, expected, units, strict=True))


@each_version
@pytest.mark.parametrize(("n", "m", "groups"), [(5, 4, 1), (7, 6, 3), (3, 2, 3), (4, 4, 1), (3, 5, 3)])
@pytest.mark.parametrize("tail_range", [None, (-1.5, 2.0)])
def test_the_numbers_are_those_of_torch(way, version, n, m, groups, tail_range):
    torch = pytest.importorskip("torch")
    from rrn.activations.ops import reference
    from rrn.activations.tails import rational_with_tails

    x, grad, a, b = example(version, n, m, groups, odd=[*ODD, 3e38, -3e38])
    if tail_range:
        grad *= abs(x) < 100  # the sums of coefficients are of x itself there
    given = [torch.tensor(c, requires_grad=True) for c in (x, a, b)]
    ends = (tail_range,) if tail_range else ()
    y = (rational_with_tails if ends else reference.rational)(*given, version, 1, *ends)
    y.backward(torch.tensor(grad))
    expected = [c.numpy() for c in (y.detach(), *(c.grad for c in given))]
    assert close(everything(x, grad, a, b, version, 1, *ends), expected, 1e-12)


@without_kernels
@each_version
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("groups", [1, 3])
def test_plain_numpy_has_the_numbers_of_the_kernels(monkeypatch, version, dtype, groups):
    """Also in several blocks, with one that has elements beyond the limit, and one that has none."""
    size = arrays.BLOCK + 98  # a multiple of 3
    x, grad, a, b = (c.astype(dtype) for c in example(version, 5, 4, groups, (3, size)))
    expected = everything(x, grad, a, b, version)
    monkeypatch.setattr(arrays, "KERNELS", None)
    assert close(everything(x, grad, a, b, version), expected, 1e-12 if dtype == "float64" else 1e-4)  # C has small Q


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("tail_range", [None, (-1.0, 1.0)])
def test_no_input_gives_a_warning(way, dtype, tail_range):
    """Results beyond the largest float16 are infinite there, as in torch."""
    x = np.array([[np.inf, -np.inf, np.nan, 0, 6e4, -6e4]], dtype)
    a, b = np.array([[0, 10, 0, 3]], dtype), np.array([[0, 0.25]], dtype)
    y, by_x, *_ = everything(x, np.ones_like(x), a, b, "A", 1, tail_range)
    assert (y.dtype, by_x.dtype) == (dtype, dtype)
    assert np.isnan(y).tolist() == [[False, False, True, False, False, False]]
    assert y[0, 3] == 0
    assert np.isinf(y).sum() == (4 if dtype == "float16" else 2)
    assert np.isfinite(by_x[0, :2]).all()


def test_bfloat16_is_computed_in_float32(way):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x, grad, a, b = example("A")
    x, grad = x.astype(ml_dtypes.bfloat16), grad.astype(ml_dtypes.bfloat16)
    y, by_x, *sums = everything(x, grad, *(c.astype(np.float32) for c in (a, b)), "A")
    exact = everything(*(c.astype(np.float32) for c in (x, grad, a, b)), "A")
    assert (y.dtype, by_x.dtype) == (ml_dtypes.bfloat16, ml_dtypes.bfloat16)
    assert np.array_equal(y, exact[0].astype(ml_dtypes.bfloat16))
    assert np.array_equal(by_x, exact[1].astype(ml_dtypes.bfloat16))
    assert close(sums, exact[2:], 1e-6)


@pytest.mark.parametrize(("given", "dtype"), [([-1, 2], "float64"), (3, "float64"), (np.float32(0.5), "float32")])
def test_numbers_and_lists_are_arrays(way, given, dtype):
    act = rrn.numpy.Rational("tanh")
    y = act(given)
    assert (y.dtype, y.shape) == (dtype, np.shape(given))
    assert np.allclose(y, np.tanh(given), atol=0.05)


@pytest.mark.parametrize("given", [["a"], [1j], [None]])
def test_what_is_no_number_is_refused(given):
    with pytest.raises(ValueError, match="x: expected an array of real numbers, got one of"):
        rrn.numpy.Rational()(given)


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "swish"])
def test_a_rational_starts_near_the_function_of_its_name(name):
    x = np.linspace(-3, 3, 101)
    assert abs(rrn.numpy.Rational(name)(x) - as_function(name)(x)).max() < 0.1


def test_a_rational_starts_from_a_callable_or_rows():
    fitted = rrn.numpy.Rational(lambda x: 2 * x / (1 + abs(x)), degrees=(1, 1))
    assert np.allclose(fitted(np.array([-3.0, 0.0, 1.0])), [-1.5, 0.0, 1.0], atol=1e-3)
    rows = np.array([[0.0, 1.0], [0.0, 2.0]]), np.array([[0.0], [1.0]])
    act = rrn.numpy.Rational(rows, (1, 1), groups=2)
    assert act([[2.0, 2.0]]).tolist() == [[2.0, 4 / 3]]
    same = rrn.numpy.Rational(tuple(row[0] for row in rows), (1, 1), groups=2)
    assert same([[2.0, 2.0]]).tolist() == [[2.0, 2.0]]


def test_presets_differ_and_dtypes_are_kept():
    first, second = (rrn.numpy.Rational("tanh", preset=preset, dtype=np.float64) for preset in ("l2", "wide"))
    assert first.numerator.dtype == np.float64
    assert not np.allclose(first.numerator, second.numerator)
    assert rrn.numpy.Rational().numerator.dtype == np.float32


def test_gradients_train_a_rational_by_hand():
    act, x = rrn.numpy.Rational("relu", dtype=np.float64), np.linspace(-2, 2, 50)
    losses = []
    for _ in range(200):
        error = act(x) - np.tanh(x)
        losses.append((error**2).mean())
        _, by_a, by_b = act.gradients(x, 2 * error / x.size)
        act.numerator -= 0.2 * by_a
        act.denominator -= 0.2 * by_b
    assert losses[-1] < 0.1 * losses[0]


def test_gradients_are_those_of_the_sum_if_none_is_given():
    act, x = rrn.numpy.Rational("tanh", tail="linear"), np.linspace(-9, 9, 7)
    for found, expected in zip(act.gradients(x), act.gradients(x, np.ones(7)), strict=True):
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda act: pickle.loads(pickle.dumps(act))])
def test_a_copy_is_equal_and_has_its_own_coefficients(copied):
    act, x = rrn.numpy.Rational("gelu", version="C", groups=2, axis=-1, tail="linear"), np.linspace(-9, 9, 8)
    twin = copied(act)
    assert np.array_equal(twin(x), act(x))
    assert repr(twin) == repr(act)
    twin.numerator += 1
    assert not np.array_equal(twin(x), act(x))


def test_coefficients_are_copies():
    act = rrn.numpy.Rational("tanh")
    numerator, denominator = act.coefficients()
    assert np.array_equal(numerator, act.numerator)
    assert np.array_equal(denominator, act.denominator)
    numerator += 1
    assert not np.array_equal(numerator, act.numerator)


@pytest.mark.filterwarnings("default")
def test_a_rational_goes_to_torch_and_back():
    """The module has the numbers; the nearest function is named, and it is drawn."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    import rrn

    act, x = rrn.numpy.Rational("tanh", (5, 4), "B"), np.linspace(-3, 3, 50, dtype=np.float32)
    module = rrn.Rational(act.coefficients(), act.form.degrees, act.form.version, trainable=False)
    assert np.allclose(module(torch.tensor(x)).numpy(), act(x), atol=1e-6)
    back = rrn.numpy.Rational(tuple(c.numpy() for c in (module.numerator, module.denominator)), version="B")
    assert np.array_equal(back(x), act(x))
    assert rrn.best_fit(act, ["tanh", "relu"], x).name == "tanh"
    line = next(line for line in rrn.plot(module, x=x, inputs=False).axes[0].lines if len(line.get_ydata()) == 50)
    assert np.allclose(line.get_ydata(), act(x), atol=1e-6)
