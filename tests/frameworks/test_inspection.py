"""Histograms, snapshots, plots and nearest functions take arrays and coefficients, without torch."""

from __future__ import annotations

import pickle
from importlib.util import find_spec

import numpy as np
import pytest

import rrn
import rrn.numpy
from rrn import convert
from rrn.activations.fitting.functions import FUNCTIONS
from rrn.activations.inspection import sources
from rrn.activations.inspection.snapshots import read_snapshots
from rrn.frameworks import arrays
from rrn.frameworks.coefficients import evaluate_rows

ACT = rrn.numpy.Rational("tanh", (3, 2), "B", groups=2)
LINEAR = rrn.numpy.Rational("tanh", tail="linear")


def same_as_numpy(found, values) -> bool:
    values = values.ravel().astype(np.float64)
    low, high = found.range
    apart = [np.sum(values < low), np.sum(values > high), np.isnan(values).sum()]
    counts = np.histogram(values[np.isfinite(values)], found.bins, found.range)[0]
    return (counts == found.counts).all() and apart == [found.below, found.above, found.nan]


@pytest.mark.parametrize("kernel", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("ends", [(-1.0, 2.3), (1e6, 1e6 + 1), None])
def test_arrays_are_counted_as_numpy_does(monkeypatch, kernel, dtype, ends):
    if kernel and not arrays.KERNELS:
        pytest.skip("the kernels were not built")
    if not kernel:
        monkeypatch.setattr(arrays, "KERNELS", None)
    random, found = np.random.default_rng(0), rrn.Histogram(50, ends)
    low, high = ends or (-1, 1)
    with np.errstate(over="ignore"):
        x = np.r_[random.uniform(2 * low - high, 2 * high - low, 504), np.linspace(low, high, 51), np.nan, np.inf]
        x = random.permutation(np.r_[x, x[:3]]).astype(dtype)  # [560]
    found.add(np.empty(0, dtype))
    for part in x.reshape(2, 280).T[:, ::-1].reshape(4, -1, 2):
        found.add(part[:, ::2])
        found.add(part[:, 1::2])
    assert same_as_numpy(found, x)
    assert found.total == len(x)


def test_whole_numbers_and_lists_are_counted_and_others_refused():
    found = rrn.Histogram(3, (0, 3))
    found.add([0, 1, 2, 3])
    found.add(2)
    assert found.counts.tolist() == [1, 1, 3]
    with pytest.raises(ValueError, match="values: expected an array of real numbers"):
        found.add(["a"])


@pytest.mark.parametrize("library", ["jax", "mxnet", "tensorflow", "torch"])
def test_arrays_of_other_libraries_are_counted(library):
    if not find_spec(library):
        pytest.skip(f"{library} is not installed")
    x = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    found = rrn.Histogram(10, (-2, 2))
    found.add(x)  # counts of arrays and others go together
    if library == "jax":
        import jax.numpy as jnp

        found.add(jnp.asarray(x))
        found.add(jnp.asarray(x, jnp.bfloat16))
        x = np.stack([x, x, np.asarray(jnp.asarray(x, jnp.bfloat16), np.float32)])
    elif library == "mxnet":
        import mxnet

        found.add(mxnet.nd.array(x))
    elif library == "tensorflow":
        import tensorflow

        found.add(tensorflow.constant(x))
    else:
        import torch

        found.add(torch.from_numpy(x))
        found.add(x)
        x = np.stack([x, x, x])
    assert same_as_numpy(found, x if x.ndim > 2 else np.stack([x, x]))


@pytest.mark.parametrize("source", [ACT, convert.coefficients(ACT), {"": ACT}], ids=["module", "dictionary", "by name"])
def test_a_snapshot_keeps_coefficients_through_a_file(tmp_path, source):
    inputs = rrn.Histogram(8, (-2, 2))
    inputs.add(np.linspace(-1, 1, 9))
    taken = rrn.snapshot(source, 3, {"": inputs})
    (tmp_path / "shapes.jsonl").write_text(taken.to_json() + "\n")
    (again,) = read_snapshots(tmp_path)
    assert (again.step, again.places[""].inputs.counts.tolist()) == (3, inputs.counts.tolist())
    (learned,) = convert.learned(tmp_path).values()
    assert all(np.array_equal(learned[part], getattr(ACT, part)) for part in ("numerator", "denominator"))
    (shape,) = again.shapes()
    assert (shape.name, shape.x[0], shape.x[-1]) == ("Rational", -2, 2)
    assert np.allclose(shape.y, evaluate_rows(convert.coefficients(ACT), shape.x), rtol=1e-6)


def test_a_snapshot_of_linear_tails_has_their_values(tmp_path):
    (shape,) = rrn.snapshot(LINEAR).shapes()
    assert np.allclose(shape.y[:, 0], LINEAR(shape.x), atol=1e-6)
    (tmp_path / "shapes.jsonl").write_text(rrn.snapshot(LINEAR).to_json() + "\n")
    with pytest.raises(ValueError, match="expected rationals, its snapshots have none by their coefficients"):
        convert.learned(tmp_path)


@pytest.mark.skipif(not find_spec("matplotlib"), reason="matplotlib is not installed")
def test_a_plot_has_a_panel_for_each_rational_and_the_bars_of_its_inputs():
    inputs = rrn.Histogram(8, (-2, 2))
    inputs.add(np.linspace(-1, 1, 9))
    poles = {"numerator": [0.0, 1.0], "denominator": [1.0], "version": "N"}
    figure = rrn.plot({"one": ACT, "two": poles}, inputs={"one": inputs}, other="relu")
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["one", "two"]
    assert [text.get_text() for text in panels[1].texts] == ["pole at -1"]
    assert len(figure.axes) == 3  # one with bars
    curves = [line for line in panels[0].lines if len(line.get_xdata()) > 2]
    x = curves[0].get_xdata()
    assert np.allclose(curves[1].get_ydata(), evaluate_rows(convert.coefficients(ACT), x)[:, 1])
    assert np.allclose(curves[2].get_ydata(), np.maximum(x, 0))


def seen_values():
    found = rrn.Histogram(200, (-2, 2))
    found.add(np.linspace(-2, 2, 1000))
    return found


@pytest.mark.parametrize("inputs", [None, np.linspace(-2, 2, 100), seen_values()], ids=["range", "array", "histogram"])
@pytest.mark.parametrize("source", [LINEAR, convert.coefficients(LINEAR)], ids=["module", "dictionary"])
def test_the_nearest_function_of_coefficients(monkeypatch, source, inputs):
    """The same without torch as with it; in this process both ways are there, if torch is installed."""
    found = rrn.best_fit(source, ["relu", "tanh"], inputs)
    assert [fit.name for fit in (found, *found.others)] == ["tanh", "relu"]
    x = np.linspace(-2, 2, 50)
    y = found(x)
    assert np.abs(y - LINEAR(x)).max() < 1e-5
    monkeypatch.setattr(sources, "torch_is_in_use", lambda: False)
    again = rrn.best_fit(source, ["relu", "tanh"], inputs)
    assert np.allclose(again(x), y, atol=1e-5)
    assert again.others[0].distance == pytest.approx(found.others[0].distance, abs=1e-6)  # relu has two, mirrored
    assert again.function is np.tanh


def test_names_and_functions_on_arrays_are_candidates(monkeypatch):
    monkeypatch.setattr(sources, "torch_is_in_use", lambda: False)
    found = rrn.best_fit(lambda x: 2 * np.cos(x) + 1, {"cos": np.cos, "tanh": np.tanh})
    assert found.formula == "2 cos(x) + 1"
    known = rrn.best_fit(LINEAR)
    assert {fit.name for fit in (known, *known.others)} == set(FUNCTIONS)
    assert known.name in ("tanh", "sigmoid")
    assert pickle.loads(pickle.dumps(known)) == known
    with pytest.raises(ValueError, match="expected one of identity, relu"):
        rrn.best_fit(LINEAR, ["rleu"])
    with pytest.raises(ValueError, match="inputs: expected a histogram, a tensor or an array, got 'abc'"):
        rrn.best_fit(LINEAR, inputs="abc")
    with pytest.raises(ValueError, match="expected one function, it has 2 rows of coefficients"):
        rrn.best_fit(ACT)


def test_a_fit_without_torch_becomes_a_module_where_torch_is(monkeypatch):
    monkeypatch.setattr(sources, "torch_is_in_use", lambda: False)
    found = rrn.best_fit(LINEAR, ["leaky_relu_0.1"])
    monkeypatch.undo()
    if not find_spec("torch"):
        with pytest.raises(ImportError, match=r"as_module needs torch: pip install 'rrn\[torch\]'"):
            found.as_module()
        return
    import torch

    x = torch.linspace(-3, 3, 7, requires_grad=True)
    assert np.allclose(found.as_module()(x).detach().numpy(), found(x.detach().numpy()))
