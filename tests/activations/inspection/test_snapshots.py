"""Snapshots keep what an activation was, and animations and pictures of runs show it."""

from __future__ import annotations

import imageio.v2 as imageio
import numpy as np
import pytest
import torch
from torch import nn

import rrn
from rrn.activations.inspection.animate import draw_runs
from rrn.activations.inspection.snapshots import SNAPSHOT_FILE, Snapshot, read_snapshots
from rrn.activations.inspection.sources import values
from rrn.activations.registry import ACTIVATIONS, make_activations
from rrn.networks.mlp import VectorNetwork


def write(path, snapshots):
    path.write_text("".join(one.to_json() + "\n" for one in snapshots))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_snapshot_keeps_the_shape_through_a_file(name, tmp_path):
    model = nn.Sequential(*make_activations(name, 4))
    with torch.no_grad(), rrn.record_inputs(model[0], bins=64) as inputs:
        for p in model.parameters():
            p += 0.01 * torch.randn_like(p)
        model[0](torch.randn(100, 2))
    write(tmp_path / "file.jsonl", [rrn.snapshot(model, step=12)])
    (again,) = read_snapshots(tmp_path / "file.jsonl")
    assert again.step == 12
    for (place, shape), module in zip(zip(again.places, again.shapes(), strict=True), model, strict=True):
        assert shape.name == place
        assert np.allclose(shape.y, values(module, shape.x), atol=1e-6)
    first = again.shapes()[0]
    assert first.inputs.counts.tolist() == inputs[""].counts.tolist()
    assert (first.x[0], first.x[-1]) == inputs[""].range


@pytest.mark.parametrize(
    "act", [rrn.Rational(groups=3), rrn.Rational(tail="linear"), rrn.AffineRational(), rrn.RationalChain()]
)
def test_other_forms_can_be_kept_too(act):
    (shape,) = Snapshot.from_json(rrn.snapshot(act).to_json()).shapes()
    assert np.allclose(shape.y, values(act, shape.x), atol=1e-6)


class Snake(nn.Module):
    """An activation that neither torch nor this package has."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + x.sin() ** 2


def test_a_module_of_ones_own_among_the_activations_is_found_and_drawn(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "snake", lambda places: [Snake() for _ in range(places)])
    layers = VectorNetwork((4,), 1, 2, make_activations("snake", 2)).layers
    with torch.no_grad(), rrn.record_inputs(layers):
        layers(torch.randn(50, 1, 4))
    shapes = rrn.snapshot(layers).shapes()
    assert [(shape.name, int(shape.inputs.counts.sum())) for shape in shapes] == [("act1", 6400), ("act2", 6400)]
    assert np.allclose(shapes[0].y[:, 0], shapes[0].x + np.sin(shapes[0].x) ** 2, atol=1e-6)


def snapshots(number: int) -> list[Snapshot]:
    """Of a model whose two places turn from leaky ReLU into something flatter."""
    model = nn.Sequential(rrn.Rational(), nn.Tanh(), rrn.Rational("tanh"))
    taken = []
    for step in range(number):
        with torch.no_grad(), rrn.record_inputs(model):
            model(torch.randn(500) * (1 + step))
            taken.append(rrn.snapshot(model, step * 1000))
            model[0].numerator *= 0.8
    return taken


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["gif", "mp4"])
def test_an_animation_has_a_frame_for_each_snapshot(tmp_path, suffix):
    path = tmp_path / "new" / f"shapes.{suffix}"
    assert rrn.animate(snapshots(4), path, title="all") == 4
    frames = [np.asarray(frame)[..., :3].astype(int) for frame in imageio.mimread(path)]
    assert len(frames) == 4
    assert np.abs(frames[0] - frames[-1]).mean() > 1  # it moves
    still = frames[0].shape[1] // 3 + np.arange(20)  # left edge of the second panel: Tanh has the same axes all along
    assert np.abs(frames[0][40:, still] - frames[1][40:, still]).mean() < 3


@pytest.mark.slow
def test_runs_stand_beside_each_other(tmp_path):
    for name in ("Pong", "Seaquest"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / SNAPSHOT_FILE, snapshots(2))
    figure = draw_runs({name: tmp_path / name for name in ("Pong", "Seaquest")}, "after training")
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == ["Pong", "Seaquest"]
    assert rrn.animate({"a": tmp_path / "Pong", "b": snapshots(3)}, tmp_path / "both.gif") == 3


def test_half_a_line_is_left_out(tmp_path):
    one = snapshots(1)[0]
    (tmp_path / SNAPSHOT_FILE).write_text(one.to_json() + "\n" + one.to_json()[:50])
    assert len(read_snapshots(tmp_path)) == 1


@pytest.mark.slow
def test_the_command_draws_a_run(command, train_here, tmp_path):
    run = train_here("env=CartPole", "experiment=smoke", "act=recurrent_rational", "run_dir=runs/one/seed0")
    assert [one.step for one in read_snapshots(run)] == [0, 400]
    for out in ("shapes.png", "shapes.gif"):
        done = command("rrn.shapes", "runs", "--out", out)
        assert (done.returncode, done.stderr) == (0, "")
        assert (tmp_path / out).stat().st_size > 5000
    assert "2 frames, 1 run" in done.stdout
    (tmp_path / "empty").mkdir()
    for arguments, sentence in (
        (["nowhere"], "nowhere: no such folder; give that of a run, or one with runs in it."),
        (["empty"], "no run with snapshots is here"),
        (["runs", "--out", "a.doc"], "a.doc: expected a name that ends in .png"),
    ):
        failed = command("rrn.shapes", *arguments)
        assert failed.returncode == 2
        assert failed.stderr.startswith("error: ")
        assert sentence in failed.stderr


def test_mistakes_are_sentences(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.gif or \.mp4"):
        rrn.animate(snapshots(1), tmp_path / "shapes.avi")
    with pytest.raises(ValueError, match="got none"):
        rrn.animate([], tmp_path / "shapes.gif")
    with pytest.raises(ValueError, match="no snapshots are here"):
        rrn.animate(tmp_path, tmp_path / "shapes.gif")
    with pytest.raises(ValueError, match="it has none"):
        rrn.snapshot(nn.Linear(2, 2))


def test_a_snapshot_keeps_the_counts_of_its_moment():
    act, taken = rrn.Rational(), []
    with rrn.record_inputs(act) as inputs:
        for step in np.arange(3):
            act(torch.randn(10))
            taken.append(rrn.snapshot(act, step, inputs))
    assert [one.places[""].inputs.total for one in taken] == [10, 20, 30]
    assert Snapshot.from_json(taken[1].to_json()).step == 1
