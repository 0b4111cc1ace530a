"""What JAX does to a function works for `rrn.jax.rational`, and backward keeps its input alone."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402
from jax import export  # noqa: E402
from jax.sharding import PartitionSpec  # noqa: E402

import rrn.jax  # noqa: E402
import rrn.numpy  # noqa: E402
from rrn.jax import init_coefficients, rational  # noqa: E402

pytestmark = pytest.mark.slow  # of the compilers

A, B = init_coefficients("gelu")
X = jnp.linspace(-4, 4, 64).reshape(2, 32)
Y = rrn.numpy.rational(X, A, B)
SLOPE = rrn.numpy.gradients(np.ones_like(X), X, A, B)[0]
f = jax.jit(rational)


def close(found, expected, atol=2e-6):
    return np.allclose(found, expected, rtol=0, atol=atol)


@pytest.fixture(params=[rrn.jax.BLOCK, 16], ids=["whole", "blocks"])
def block(request, monkeypatch):
    """Inputs of 64 elements as a whole, and in four blocks, as large ones are on a CPU."""
    monkeypatch.setattr(rrn.jax, "BLOCK", request.param)
    jax.clear_caches()
    yield request.param
    jax.clear_caches()


def one_device_each(x):
    mesh, split, whole = jax.sharding.Mesh(np.array(jax.devices()[:1]), "i"), PartitionSpec("i"), PartitionSpec()
    return jax.jit(jax.shard_map(f, mesh=mesh, in_specs=(split, whole, whole), out_specs=split))(x, A, B)


FORWARD = {
    "plain": lambda x: rational(x, A, B),
    "numpy arrays": lambda x: rational(np.asarray(x), np.asarray(A), np.asarray(B)),
    "vmap over inputs": lambda x: jax.vmap(f, (0, None, None))(x, A, B),
    "scan": lambda x: jax.lax.scan(lambda carry, row: (carry, f(row, A, B)), 0, x)[1],
    "checkpoint": lambda x: jax.checkpoint(f)(x, A, B),
    "pmap": lambda x: jax.pmap(f, in_axes=(0, None, None))(x[None], A, B)[0],
    "shard_map": one_device_each,
    "jvp": lambda x: jax.jvp(f, (x, A, B), (x, A, B))[0],
    "linearize": lambda x: jax.linearize(f, x, A, B)[0],
}


@pytest.mark.parametrize("call", FORWARD.values(), ids=FORWARD)
def test_transformations_keep_the_value(call):
    assert close(call(X), Y)


SLOPES = {
    "grad": lambda x: jax.grad(lambda x: f(x, A, B).sum())(x),
    "jvp": lambda x: jax.jvp(lambda x: f(x, A, B), (x,), (jnp.ones_like(x),))[1],
    "linearize": lambda x: jax.linearize(lambda x: f(x, A, B), x)[1](jnp.ones_like(x)),
    "jacfwd": lambda x: jax.vmap(jax.vmap(jax.jacfwd(lambda x: f(x, A, B))))(x),
    "scan": lambda x: jax.grad(lambda x: jax.lax.scan(lambda total, row: (total + f(row, A, B).sum(), 0), 0.0, x)[0])(
        x
    ),
    "checkpoint": lambda x: jax.grad(lambda x: jax.checkpoint(f)(x, A, B).sum())(x),
    "shard_map": lambda x: jax.grad(lambda x: one_device_each(x).sum())(x),
}


@pytest.mark.parametrize("call", SLOPES.values(), ids=SLOPES)
def test_transformations_keep_the_slope(call, block):
    assert close(call(X), SLOPE)


def test_hessian_is_that_of_central_differences(block):
    x, step = jnp.linspace(-2, 3, 32), 1e-3
    found = jax.hessian(lambda x: f(x, A, B).sum())(x)
    ones, wide = np.ones(32), np.asarray(x, dtype=np.float64)
    high, low = (rrn.numpy.gradients(ones, wide + h, A, B)[0] for h in (step, -step))
    assert close(found, np.diag((high - low) / (2 * step)), 1e-4)


def test_agents_with_coefficients_of_their_own_run_as_one(block):
    """vmap over coefficients and inputs, with their gradients, is a loop over agents."""
    a, b = A * jnp.linspace(0.5, 1.5, 3)[:, None, None], B * jnp.linspace(0.5, 1.5, 3)[:, None, None]
    x = jnp.stack([X, -X, X + 1])
    values, (by_a, by_b) = jax.vmap(jax.value_and_grad(lambda a, b, x: f(x, a, b).sum(), (0, 1)))(a, b, x)
    for agent in range(3):
        assert close(values[agent], rrn.numpy.rational(x[agent], a[agent], b[agent]).sum(), 1e-4)
        _, *expected = rrn.numpy.gradients(np.ones_like(X), x[agent], a[agent], b[agent])
        for found, sums in zip((by_a, by_b), expected, strict=True):
            assert close(found[agent], sums, 1e-5 * np.abs(sums).max())


@pytest.mark.parametrize(
    ("version", "tail_range", "dtype", "atol"),
    [("A", None, jnp.float32, 1e-6), ("C", (-1.0, 2.0), jnp.bfloat16, 2e-2)],
)
def test_blocks_with_groups(monkeypatch, version, tail_range, dtype, atol):
    monkeypatch.setattr(rrn.jax, "BLOCK", 64)
    a, b = init_coefficients("gelu", version=version, groups=2)
    a = a * jnp.array([[0.5], [1.5]])
    x = jnp.linspace(-4, 4, 512, dtype=dtype).reshape(16, 4, 8)
    loss = jax.jit(jax.grad(lambda *c: rational(*c, version, 1, tail_range).sum(), (0, 1, 2)))
    assert "while" in loss.lower(x, a, b).as_text()
    expected = rrn.numpy.gradients(np.ones_like(x), x, a, b, version, 1, tail_range)
    for found, exact in zip(loss(x, a, b), expected, strict=True):
        assert close(found.astype(jnp.float32), exact.astype("float32"), atol * np.abs(exact.astype("float32")).max())


def loops(*shape, platform="cpu"):
    """Whether backward goes through blocks."""
    shapes = [jax.ShapeDtypeStruct(s, jnp.float32) for s in (shape, A.shape, B.shape)]
    backward = jax.jit(jax.grad(lambda *c: rational(*c).sum(), (0, 1, 2)))
    return "stablehlo.while" in export.export(backward, platforms=[platform])(*shapes).mlir_module()


def test_blocks_are_for_large_inputs_of_one_cpu(monkeypatch):
    most = 2 * rrn.jax.BLOCK
    assert loops(most // 2, 2)
    assert not loops(most - 2)
    assert not loops(2**19 - 1)  # a prime number
    assert not loops(most // 2, 2, platform="cuda")
    monkeypatch.setattr(jax, "device_count", lambda: 2)
    jax.clear_caches()
    assert not loops(most // 2, 2)
    jax.clear_caches()


def test_export_with_a_symbolic_shape():
    (size,) = export.symbolic_shape("n")
    exported = export.export(f)(*(jax.ShapeDtypeStruct(s, jnp.float32) for s in ((size, 32), A.shape, B.shape)))
    assert close(exported.call(X, A, B), Y)


def test_inputs_that_are_split_over_a_mesh_with_explicit_axes(block):
    mesh = jax.make_mesh((1, 1), ("batch", "channel"), (jax.sharding.AxisType.Explicit,) * 2)
    a, b = init_coefficients("gelu", groups=4)
    x = jax.device_put(X, jax.sharding.NamedSharding(mesh, PartitionSpec("batch")))
    slope, by_a = jax.jit(jax.grad(lambda x, a: f(x, a, b).sum(), (0, 1)))(x, a)
    assert close(slope, SLOPE)
    assert close(by_a, rrn.numpy.gradients(np.ones_like(X), X, a, b, axis=-1)[1], 1e-2)


@pytest.mark.parametrize("tail_range", [None, (-2.0, 2.0)])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_backward_keeps_the_input_alone(dtype, tail_range):
    """In bytes of what the linear part of the function holds; differentiated by JAX itself it is 16 times the input."""
    x = jnp.zeros((64, 1024), dtype)
    _, back = jax.eval_shape(lambda *c: jax.vjp(partial(rational, tail_range=tail_range), *c), x, A, B)
    kept = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(back))
    assert x.nbytes <= kept <= x.nbytes + 4096


@pytest.mark.parametrize(("given", "dtype"), [(np.arange(3), "float32"), (True, "float32"), (2.0, "float32")])
def test_whole_numbers_become_floats(given, dtype):
    y = rational(given, A, B)
    assert (y.dtype, y.shape) == (dtype, np.shape(given))
    assert close(y, rrn.numpy.rational(np.asarray(given, dtype), A, B))


@pytest.mark.parametrize("given", [1j, "x", None, np.ones(2, complex)])
def test_other_inputs_are_refused(given):
    with pytest.raises(ValueError, match="x: expected an array of real numbers"):
        rational(given, A, B)


def test_seven_six_in_float32_without_x64():
    a, b = init_coefficients("gelu", (7, 6))
    x = np.array([-1e4, -3.0, 0.0, 0.5, 1e4, 1e30], dtype=np.float32)
    exact = rrn.numpy.rational(x, a, b)
    assert (np.abs(rational(x, a, b) - exact)[:5] <= 1e-6 * np.maximum(np.abs(exact), 1)[:5]).all()
    assert np.isfinite(rational(x, a, b)).all()


def test_coefficients_to_start_from():
    a, b = init_coefficients("tanh", (3, 2), "C", groups=4, dtype=jnp.bfloat16)
    assert (a.shape, b.shape, a.dtype, b.dtype) == ((4, 4), (4, 3), jnp.bfloat16, jnp.bfloat16)
    a, b = jax.jit(lambda: init_coefficients(jax.nn.softplus, (3, 2)))()  # a callable of JAX, within a trace too
    x = jnp.linspace(-3, 3, 50)
    assert close(rational(x, a, b), jax.nn.softplus(x), 0.02)
    a, b = init_coefficients(([[0, 1], [0, 2]], [[0], [1]]), (1, 1), groups=2)
    assert a.tolist() == [[0, 1], [0, 2]]
