"""What a notebook such as Jupyter shows of results: figures, tables and animations in place of text."""

from __future__ import annotations

import base64
import re

import matplotlib as mpl
import pytest
import torch
from torch import nn

import rrn
from rrn.activations.inspection.animate import draw_runs
from rrn.common.extras import MissingPackage

PNG = b"\x89PNG"


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 2), rrn.Rational("tanh"))


def embedded(html: str, kind: str) -> bytes:
    """Return the content of the only file of this media type in the page."""
    (data,) = re.findall(rf'src="data:{kind};base64,([^"]+)"', html)
    return base64.b64decode(data)


def test_a_plot_is_a_picture():
    figure = rrn.plot(model())
    assert isinstance(figure, mpl.figure.Figure)
    assert figure._repr_png_().startswith(PNG)
    assert draw_runs({"a": [rrn.snapshot(model())]})._repr_png_().startswith(PNG)


def test_a_fit_is_its_text_with_its_figure(monkeypatch):
    fitted = rrn.fit("relu", (2, 1))
    html = fitted._repr_html_()
    assert f"largest error {fitted.largest:.3g}, RMS" in html
    assert "note: outside [-3, 3]" in html
    assert embedded(html, "image/png").startswith(PNG)

    def missing(_):
        raise MissingPackage("the figure of a fit", "matplotlib", "plot")

    monkeypatch.setattr(type(fitted), "figure", property(missing))
    assert "img" not in fitted._repr_html_()  # without matplotlib


def test_a_best_fit_is_a_table():
    found = rrn.best_fit(rrn.Rational("tanh"), {"<b>": torch.tanh, "relu": torch.relu})
    html = found._repr_html_()
    assert re.findall(r"<th[^>]*>([^<]+)</th>", html) == ["distance", "relative", "function"]
    rows = re.findall(r"<tr><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td></tr>", html)
    assert [row[0] for row in rows] == [f"{fit.distance:.3g}" for fit in (found, *found.others)]
    assert rows[0][2] == "&lt;b&gt;(x)"


@pytest.mark.parametrize(
    ("suffix", "kind", "start"),
    [("gif", "image/gif", b"GIF8"), pytest.param("mp4", "video/mp4", b"\0\0\0", marks=pytest.mark.slow)],
)
def test_an_animation_is_a_number_of_frames_and_shown(tmp_path, suffix, kind, start):
    path = tmp_path / f"shapes.{suffix}"
    frames = rrn.animate([rrn.snapshot(model(), step) for step in (1, 2)], path)
    assert (frames, f"{frames}", frames.path) == (2, "2", path)
    data = embedded(frames._repr_html_(), kind)
    assert data.startswith(start)
    assert data == path.read_bytes()


def test_ipython_shows_pictures_and_tables(tmp_path):
    formatters = pytest.importorskip("IPython.core.formatters")
    show = formatters.DisplayFormatter().format
    assert show(rrn.plot(model()))[0]["image/png"].startswith(PNG)
    assert "<table>" in show(rrn.best_fit(torch.tanh, ["tanh"]))[0]["text/html"]
    assert "image/png" in show(rrn.fit("relu", (2, 1)))[0]["text/html"]
    frames = rrn.animate([rrn.snapshot(model(), 1)], tmp_path / "shapes.gif")
    assert "image/gif" in show(frames)[0]["text/html"]
