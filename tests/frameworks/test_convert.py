"""A rational has the same values in every framework that it is converted to, wherever it comes from."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from rrn import convert
from rrn.activations.fitting.formula import VERSIONS, denominator_size
from rrn.activations.inspection.snapshots import read_snapshots
from rrn.frameworks.coefficients import FRAMEWORKS, evaluate_rows

PACKAGES = {"torch": "torch", "nnx": "flax", "linen": "flax", "equinox": "equinox", "keras": "keras", "mxnet": "mxnet"}
HERE = [name for name in FRAMEWORKS if find_spec(PACKAGES.get(name, "numpy"))]
if not find_spec(os.environ.get("KERAS_BACKEND", "tensorflow")):  # conftest.py chooses one that is here
    HERE = [name for name in HERE if name != "keras"]
OLD = Path(__file__).parents[1] / "data" / "old_runs"
GRID = np.linspace(-6, 6, 60, dtype=np.float32)
each_pair = pytest.mark.parametrize(("start", "to"), [(start, to) for start in HERE for to in HERE])


def given(version="A", groups=1, tail_range=None, axis=1):
    random = np.random.default_rng(VERSIONS.index(version))
    b = random.normal(size=(groups, denominator_size(4, version))).astype(np.float32) * 0.3
    return {
        "numerator": random.normal(size=(groups, 6)).astype(np.float32),
        "denominator": np.abs(b) * (1, 0, 1, 0)[: b.shape[1]] if version == "N" else b,
        "version": version,
        "axis": axis,
        "tail_range": tail_range,
    }


def make(of, source):
    """A module, and the variables of a module of Linen."""
    module = convert.rational(source, of)
    if of != "linen":
        if of == "mxnet":
            module.initialize()
        return module, None
    import jax

    return module, module.init(jax.random.key(0), np.zeros((1, module.groups), np.float32))


def values(of, module, variables, groups):
    """R at GRID for each row of coefficients, [60, groups], computed by the framework from an input with channels."""
    x = np.tile(GRID[:, None], (1, groups))  # [60, channels]: the axis 1 and the last one
    if of == "equinox":
        return np.asarray(module(x.T)).T
    if of == "linen":
        return np.asarray(module.apply(variables, x))
    if of == "torch":
        import torch

        return module(torch.from_numpy(x)).detach().numpy()
    if of == "mxnet":
        import mxnet

        return module(mxnet.nd.array(x)).asnumpy()
    y = module(x)
    return y.detach().cpu().numpy() if hasattr(y, "detach") else np.asarray(y)


@each_pair
@pytest.mark.parametrize(("version", "groups", "ends"), [("A", 1, None), ("C", 3, (-1.5, 2.0))])
def test_values_stay_the_same(start, to, version, groups, ends):
    source = given(version, groups, ends)
    first = make(start, source)
    second = make(to, convert.coefficients(*first))
    expected = evaluate_rows(source, GRID)
    for of, pair in ((start, first), (to, second)):
        found = values(of, *pair, groups)
        assert np.abs(found - expected).max() <= 1e-5 * np.maximum(1, np.abs(expected)).max()
    again = convert.coefficients(*second)
    assert all(np.array_equal(again[part], source[part]) for part in ("numerator", "denominator"))
    assert (again["version"], again["tail_range"]) == (version, ends)


@each_pair
def test_rows_follow_the_axis_of_channels(start, to):
    module, variables = make(start, given(groups=2))
    assert convert.coefficients(module, variables)["axis"] == convert.CHANNELS[start]
    options = {"params": variables} if variables else {}
    for axis in (convert.CHANNELS[to], 2):
        there = convert.rational(module, to, **options, **({"axis": 2} if axis == 2 else {}))
        assert (there.axis if to == "linen" else there.form.axis) == axis


def test_another_axis_is_not_moved_in_silence():
    with pytest.raises(ValueError, match=r"axis: expected -1 or 0 or 1, that of channels, got 2; say axis="):
        convert.rational(given(groups=2, axis=2), "numpy")
    module = convert.rational(given(groups=2), "numpy", axis=2)
    assert convert.rational(module, "numpy").form.axis == 2
    if "torch" in HERE:
        assert convert.rational(module, "torch").axis == 2  # whose channels are at the same axis


@pytest.mark.parametrize(
    ("source", "to", "message"),
    [
        (given(), "tf", "to: expected one of torch, numpy, nnx, linen, equinox, keras, mxnet, got 'tf'"),
        ({"numerator": [1, 2]}, "numpy", "missing: denominator, version"),
        ({**given(), "version": "E"}, "numpy", "version: expected one of A, B, C, D, N, got 'E'"),
        ({**given(), "numerator": ["a"]}, "numpy", "numerator: expected an array of real numbers"),
        ({**given(), "numerator": np.ones((2, 6))}, "numpy", "expected a numerator"),
        ({**given(), "axis": None}, "numpy", "axis: expected a whole number, got None"),
        ({**given(), "tail_range": (2, 1)}, "numpy", "tail_range: expected None or two numbers"),
        (np.tanh, "numpy", "expected a Rational of torch, NumPy, .* got ufunc"),
    ],
)
def test_mistakes_are_sentences(source, to, message):
    with pytest.raises(ValueError, match=message):
        convert.rational(source, to)


@pytest.mark.skipif("linen" not in HERE, reason="Flax is not installed")
def test_a_module_of_linen_needs_its_variables():
    module, variables = make("linen", given())
    for params in (variables, variables["params"]):
        assert np.array_equal(convert.coefficients(module, params)["numerator"], given()["numerator"])
    assert np.array_equal(convert.coefficients(module.bind(variables))["numerator"], given()["numerator"])
    with pytest.raises(ValueError, match="expected the variables of this Linen module too"):
        convert.coefficients(module)
    assert hash(module) == hash(convert.rational(given(), "linen"))


@pytest.mark.skipif("torch" not in HERE, reason="torch is not installed")
def test_sites_of_torch_have_the_coefficients_of_their_owner():
    import rrn

    act = rrn.RecurrentRational("tanh", dtype=None)
    own, site = convert.coefficients(act), convert.coefficients(act.again())
    assert all(np.array_equal(own[part], site[part]) for part in ("numerator", "denominator"))
    own["numerator"] += 1
    assert np.array_equal(convert.coefficients(act)["numerator"], site["numerator"])  # a copy
    half = rrn.Rational("tanh").bfloat16()
    assert convert.coefficients(half)["numerator"].tolist() == half.numerator.tolist()
    for other in (rrn.AffineRational(), rrn.RationalChain()):
        with pytest.raises(ValueError, match=rf"expected a Rational.* got .*{type(other).__name__}"):
            convert.coefficients(other)


@pytest.fixture(scope="module", params=["dqn", "ppo", "sb3_dqn"])
def old_run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    with tarfile.open(OLD / f"{request.param}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_the_learned_rationals_of_a_run(old_run):
    learned = convert.learned(old_run)
    last = read_snapshots(old_run)[-1]
    assert {name: one["owner"] for name, one in learned.items()} == {name: name for name in last.places}
    for name, one in learned.items():
        assert np.array_equal(one["numerator"], np.array(last.places[name].numerator, np.float32))
        assert np.allclose(convert.rational(one, "numpy")(GRID), evaluate_rows(one, GRID)[:, 0], atol=1e-5)
    first = convert.learned(old_run, step=0)
    assert any(not np.array_equal(first[name]["numerator"], learned[name]["numerator"]) for name in learned)
    with pytest.raises(ValueError, match=r"step: expected one of 0, .*, got 7"):
        convert.learned(old_run, step=7)


@pytest.mark.skipif("torch" not in HERE, reason="torch is not installed")
def test_a_checkpoint_has_the_same_sites(old_run):
    (path,) = (old_run / "checkpoints").glob("*.pt")
    learned, of_run = convert.learned(path), convert.learned(old_run)
    assert learned.keys() == of_run.keys()
    assert all(one["owner"] == of_run[name]["owner"] for name, one in learned.items())
    with pytest.raises(ValueError, match=r"step: expected None, as step_0000000200\.pt is of one step"):
        convert.learned(path, step=200)


def test_nothing_of_torch_is_needed(old_run):
    script = (
        "import sys; sys.modules['torch'] = None; from rrn import convert; "
        "print(*[convert.rational(one, 'numpy')(0.5) for one in convert.learned(sys.argv[1]).values()])"
    )
    done = subprocess.run([sys.executable, "-c", script, str(old_run)], capture_output=True, text=True, check=True)
    assert len(done.stdout.split()) == len(convert.learned(old_run))
