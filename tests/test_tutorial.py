"""The code of docs/tutorial.md runs, prints what the page says but for numbers, and writes the pictures it shows."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from helpers.paths import ROOT

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs/tutorial.md"
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]\d+)?")


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory) -> tuple[Path, dict, list[tuple[str, str]]]:
    """Folder and names after the code has run, and for each block of text what was printed and what the page says."""
    folder = tmp_path_factory.mktemp("tutorial")
    names: dict = {}
    texts, printed = [], ""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for kind, block in re.findall(r"```(python|text)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S):
            if kind == "text":
                texts.append((printed, block))
                continue
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(block, names)
            printed = output.getvalue()
    return folder, names, texts


def test_it_prints_what_the_page_says(tutorial):
    _, _, texts = tutorial
    assert len(texts) == 7
    for printed, shown in texts:
        assert NUMBER.sub("N", printed) == NUMBER.sub("N", shown)


def test_its_results_are_good(tutorial):
    _, names, _ = tutorial
    assert names["loss"] < 0.01
    assert names["fit"].largest == pytest.approx(1.27e-3, rel=0.01)
    assert (names["other"](names["example"]) - names["before"]).abs().max() < 5e-3
    assert torch.isfinite(names["frozen"](names["x"])).all()


def test_its_pictures_are_those_of_the_page(tutorial):
    folder, names, _ = tutorial
    shown = re.findall(r"\]\(tutorial/(.*?)\)", PAGE.read_text(encoding="utf-8"))
    assert sorted(path.name for path in folder.iterdir()) == sorted(shown)
    for name in shown:
        new, old = (imageio.imread(path / name) for path in (folder, PAGE.with_suffix("")))
        assert new.shape == old.shape, name
    frames = imageio.imread(folder / "shapes.gif", index=None)
    assert len(frames) == len(names["snapshots"])
    assert np.abs(frames[0].astype(int) - frames[-1]).max() > 100
