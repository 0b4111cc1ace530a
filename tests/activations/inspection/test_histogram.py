"""Histograms count as NumPy does, whatever the values, and a recording knows each place of a model."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from torch import nn

import rrn
from rrn.activations.inspection.histogram import Histogram
from rrn.activations.ops import cpu

PATHS = [pytest.param(True, marks=pytest.mark.skipif(cpu.KERNELS is None, reason="no kernel was built")), False]
every_path = pytest.mark.parametrize("kernel", PATHS, ids=["kernel", "plain"])


@pytest.fixture
def path(kernel, monkeypatch):
    if not kernel:
        monkeypatch.setattr(cpu, "KERNELS", None)


def same_as_numpy(found: Histogram, values: np.ndarray) -> bool:
    values = values.ravel().astype(np.float64)
    low, high = found.range
    finite = values[np.isfinite(values)]
    apart = [np.sum(values < low), np.sum(values > high), np.isnan(values).sum()]
    counts = np.histogram(finite, found.bins, found.range)[0]
    return (counts == found.counts).all() and apart == [found.below, found.above, found.nan]


@every_path
@settings(deadline=None, max_examples=150)
@given(
    st.integers(1, 700),
    st.sampled_from(
        [(-3.0, 3.0), (-1.0, 2.3), (0.1, 0.7), (1e6, 1e6 + 1), (-1e-3, 1e3), (1e-35, 3e-35), (-1e30, 1e30)]
    ),
    st.sampled_from([1, 2, 7, 256, 1000]),
    st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16]),
    st.integers(0, 2**31),
)
def test_counts_are_those_of_numpy(kernel, length, interval, bins, dtype, seed):
    if not kernel:
        kept, cpu.KERNELS = cpu.KERNELS, None
    try:
        generator = np.random.default_rng(seed)
        low, high = interval
        edges = np.linspace(low, high, bins + 1)
        special = [
            0.0,
            -0.0,
            np.inf,
            -np.inf,
            np.nan,
            low,
            high,
            np.nextafter(low, -np.inf),
            np.nextafter(high, np.inf),
        ]
        values = np.r_[
            generator.uniform(low - (high - low) / 3, high + (high - low) / 3, length),
            generator.choice(edges, length),
            generator.choice(special, length),
        ]
        values = torch.from_numpy(generator.permutation(values)).to(dtype)
        found = Histogram(bins, interval)
        for part in values.split(100):
            found.add(part)
        assert same_as_numpy(found, values.double().numpy())
        assert found.total == len(values)
    finally:
        if not kernel:
            cpu.KERNELS = kept


@every_path
def test_any_layout_and_many_threads(path):
    x = torch.randn(8, 33, 40, 41)
    for view in (
        x,
        x.to(memory_format=torch.channels_last),
        x[:, ::2, 1:],
        x.transpose(0, 3),
        x.expand(2, 8, 33, 40, 41),
    ):
        found = Histogram(100, (-2, 2))
        found.add(view)
        assert same_as_numpy(found, view.numpy())
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    found = Histogram(100, (-2, 2))
    found.add(x)
    torch.set_num_threads(threads)
    assert same_as_numpy(found, x.numpy())


def test_an_open_range_comes_from_the_first_values():
    found = Histogram(10)
    found.add(torch.empty(0))
    assert found.range is None
    found.add(torch.tensor([1.0, 3.0, float("nan"), float("inf")]))
    assert found.range == (0.0, 4.0)
    found.add(torch.tensor([9.0]))
    assert (found.counts.sum(), found.above, found.nan, found.total) == (2, 2, 1, 5)
    assert repr(found) == "Histogram(5 values in 10 bins from 0 to 4; 2 above, 1 nan)"
    constant, broken = Histogram(), Histogram()
    constant.add(torch.zeros(3))
    broken.add(torch.tensor([float("nan")]))
    assert constant.range == (-0.5, 0.5)
    assert broken.nan == 1


def test_the_density_is_that_of_the_values():
    found = Histogram(400, (-6, 6))
    found.add(torch.randn(100_000))
    x = np.linspace(-4, 4, 81)
    assert np.abs(found.density(x) - np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)).max() < 0.015
    wide = np.linspace(-6, 6, 2001)
    assert trapezoid(found.density(wide), wide) == pytest.approx(1, abs=1e-3)
    with pytest.raises(ValueError, match="two bins or more"):
        Histogram(3, (0, 1)).density(x)


def test_the_span_holds_the_share_that_was_asked_for():
    found = Histogram(1000, (0, 1))
    found.add(torch.linspace(0, 1, 100_001))
    assert found.span(0.9) == pytest.approx((0.05, 0.95), abs=2e-3)
    assert Histogram(4, (0, 1)).span() == (0.0, 1.0)


def test_a_histogram_comes_back_from_its_state():
    found = Histogram(16, (-1, 1))
    found.add(torch.randn(1000))
    again = Histogram.from_state_dict(found.state_dict())
    assert repr(again) == repr(found)
    assert (again.counts == found.counts).all()
    assert again.above == found.above > 0
    again.add(torch.randn(10))
    assert again.total == 1010
    assert Histogram.from_state_dict(Histogram(3).state_dict()).total == 0


def test_each_place_of_a_model_is_counted_apart():
    act = rrn.RecurrentRational()
    model = nn.Sequential(
        nn.Linear(3, 8), act, nn.Linear(8, 8), act.again(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1)
    )
    seen: dict[str, list[torch.Tensor]] = {"1": [], "3": [], "5": []}
    for name, values in seen.items():
        model[int(name)].register_forward_pre_hook(lambda _, inputs, values=values: values.append(inputs[0]))
    with rrn.record_inputs(model, bins=50, range=(-1, 1)) as inputs:
        for _ in range(3):
            model(torch.randn(20, 3))
    model(torch.randn(20, 3))  # after the recording
    assert list(inputs) == ["1", "3", "5"]
    for name, values in seen.items():
        assert same_as_numpy(inputs[name], torch.cat(values[:3]).detach().numpy())
        assert model[int(name)].recorded_inputs is inputs[name]
    assert len(model.state_dict()) == 8 + 3  # the recording is no part of the model


def test_one_activation_can_be_recorded_and_gradients_are_left_alone():
    act = rrn.Rational()
    x = torch.randn(100, requires_grad=True)
    with rrn.record_inputs(act) as inputs:
        act(x).sum().backward()
    assert inputs[""].total == 100
    plain = rrn.Rational()
    y = x.detach().requires_grad_()
    plain(y).sum().backward()
    assert x.grad.equal(y.grad)


def test_mistakes_are_sentences():
    with pytest.raises(ValueError, match="it has none"):
        rrn.record_inputs(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="bins: expected 1 or more, got 0"):
        Histogram(0)
    with pytest.raises(ValueError, match="low < high"):
        Histogram(3, (1, 1))


def test_outliers_do_not_choose_the_range():
    found = Histogram(10)
    found.add(torch.cat((torch.linspace(0, 1, 9_996), torch.tensor([-1e6, -1e6, 1e6, 1e6]))))
    assert found.range == pytest.approx((-0.5, 1.5), abs=0.01)


def test_copies_made_while_recording_do_not_count():
    act = rrn.Rational()
    with rrn.record_inputs(act) as inputs:
        act(torch.randn(10))
        copied = copy.deepcopy(act)
    copied(torch.randn(10))
    assert inputs[""].total == 10
    assert copied.recorded_inputs.total == 10


@pytest.mark.parametrize("kernel", PATHS)
def test_values_may_come_in_inference_mode_first(kernel, monkeypatch):
    if not kernel:
        monkeypatch.setattr(cpu, "KERNELS", None)
    histogram = Histogram()
    with torch.inference_mode():
        histogram.add(torch.randn(10))
    histogram.add(torch.randn(10))
    assert histogram.total == 20


def test_histograms_together_are_those_of_all_values():
    parts, values = [Histogram(100) for _ in range(3)], [torch.randn(1000), 9 * torch.randn(500) + 2]
    for part, some in zip(parts, values, strict=False):
        part.add(some)
    found = Histogram.together(parts)  # one is empty
    assert found.range == (min(p.range[0] for p in parts[:2]), max(p.range[1] for p in parts[:2]))
    assert found.total == 1500
    expected = np.histogram(torch.cat(values).numpy(), found.edges)[0]
    assert np.abs(np.cumsum(found.counts) - np.cumsum(expected)).max() <= 500  # half a bin of the wide part
    assert Histogram.together([Histogram()]).total == 0
