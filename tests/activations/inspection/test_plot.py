"""Pictures show the values they are about, for one activation and for a whole model."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter

import rrn
from rrn.activations.inspection.plot import BARS, CURVE
from rrn.activations.registry import ACTIVATIONS, make_activations


def panels(figure) -> list:
    """The axes with a curve, not those of the histograms."""
    return [axes for axes in figure.axes if any(line.get_color() == CURVE for line in axes.lines)]


def curve(axes) -> tuple[np.ndarray, np.ndarray]:
    line = next(line for line in axes.lines if line.get_color() == CURVE)
    return line.get_xdata(), line.get_ydata()


def network() -> nn.Sequential:
    act = rrn.RecurrentRational("tanh")
    return nn.Sequential(nn.Linear(3, 8), act, nn.Linear(8, 8), act.again(), nn.Linear(8, 8), nn.GELU())


def test_one_activation_is_drawn_where_it_was_asked_for():
    act = rrn.Rational("silu")
    axes = panels(rrn.plot(act, x=torch.linspace(-5, 5, 11)))
    x, y = curve(axes[0])
    assert np.allclose(x, np.linspace(-5, 5, 11))
    assert np.allclose(y, act(torch.linspace(-5, 5, 11)).detach(), atol=1e-6)
    assert curve(panels(rrn.plot(act))[0])[0][[0, -1]].tolist() == [-3, 3]


def test_a_model_has_a_panel_for_each_place_with_its_own_inputs():
    model = network()
    with rrn.record_inputs(model) as inputs:
        model(torch.randn(500, 3) * torch.tensor([1.0, 4.0, 0.1]))
    figure = rrn.plot(model, title="all of it")
    assert [axes.get_title() for axes in panels(figure)] == ["1", "3", "5"]
    assert figure.get_suptitle() == "all of it"
    bars = [axes.patches[0].get_data().values for axes in figure.axes if axes.patches]
    assert [b.tolist() for b in bars] == [h.counts.tolist() for h in inputs.values()]
    assert not any(axes.patches for axes in rrn.plot(model, inputs=False).axes)
    assert any(axes.patches for axes in rrn.plot(network(), inputs=inputs).axes)
    density = rrn.plot(model[1], inputs="density")
    assert [c.get_facecolor()[0, :3].tolist() for axes in density.axes for c in axes.collections] == [
        list(matplotlib.colors.to_rgb(BARS))
    ]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_of_the_command_line_can_be_drawn(name):
    modules = nn.Sequential(*make_activations(name, 2))
    figure = rrn.plot(modules, x=np.linspace(-1, 1, 5))
    lines = [line for axes in panels(figure) for line in axes.lines if line.get_color() == CURVE]
    assert len(lines) == (4 if name.startswith(("crelu", "fourier")) else 2)


def test_each_row_of_a_rational_per_channel_has_a_line():
    act = rrn.Rational(groups=5, axis=1)
    with torch.no_grad():
        act.numerator[:, 0] += torch.arange(5)
    lines = [line for line in panels(rrn.plot(act))[0].lines if line.get_color() == CURVE]
    assert [round(float(line.get_ydata()[200]), 1) for line in lines] == [0, 1, 2, 3, 4]
    assert panels(rrn.plot(nn.PReLU(7)))


def test_the_best_fit_and_others_stand_in_the_legend():
    axes = panels(rrn.plot(rrn.Rational("silu"), fitted=["silu", "tanh"], other=["relu", torch.sin, nn.ELU()]))[0]
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts[:2] == ["relu", "sin"]
    assert texts[2].startswith("ELU")
    assert texts[3].startswith("silu(x), distance")


def test_an_activation_of_several_curves_does_not_stop_the_figure():
    model = nn.Sequential(rrn.Rational("silu"), make_activations("crelu", 4)[-1], rrn.Rational(groups=3), nn.PReLU(7))
    legends = [axes.get_legend().get_texts()[0].get_text() for axes in panels(rrn.plot(model, fitted=["silu"]))]
    assert legends[0].startswith("silu(x), distance")
    assert legends[1:] == [f"{curves} curves, no one function" for curves in (2, 3, 7)]


def test_poles_are_marked_with_their_distance():
    act = rrn.Rational(([0.0, 1.0], [-0.5]), (1, 1), "N")  # x / (1 - x / 2)
    with rrn.record_inputs(act, bins=100, range=(-1, 1)):
        act(torch.linspace(-1, 1, 999))
    axes = panels(rrn.plot(act))[0]
    assert [text.get_text() for text in axes.texts] == ["pole at 2, 1 from the inputs"]
    axes = panels(rrn.plot(act, x=np.linspace(-3, 3, 301), inputs=False))[0]
    assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"] == [2.0]
    assert axes.get_ylim()[1] < 100  # the pole does not stretch the picture


def test_nothing_global_changes_and_training_mode_stays():
    before = dict(matplotlib.rcParams)
    model = nn.Sequential(network().train(), rrn.Rational(version="D").eval())
    coefficients = [p.clone() for p in model.parameters()]
    rrn.plot(model)
    assert dict(matplotlib.rcParams) == before
    assert model[0].training
    assert not model[1].training
    assert all(p.equal(c) for p, c in zip(model.parameters(), coefficients, strict=True))


def test_a_tensorboard_writer_gets_the_figure(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with SummaryWriter(tmp_path) as writer:
        rrn.plot(network(), writer=writer, tag="acts", step=7)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [image.step for image in events.Images("acts")] == [7]


def test_mistakes_are_sentences():
    with pytest.raises(ValueError, match="it has none"):
        rrn.plot(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="x: expected two numbers"):
        rrn.plot(nn.ReLU(), x=[1.0])
    with pytest.raises(ValueError, match="expected one of identity"):
        rrn.plot(nn.ReLU(), other=["rleu"])
