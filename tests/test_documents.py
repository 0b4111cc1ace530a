"""What the page for users of rational_activations names is there: our names, and the tests."""

from __future__ import annotations

import re
from pathlib import Path

import rrn

ROOT = Path(__file__).parents[1]
ROWS = re.findall(r"^\| (.*) \| (.*) \| `(.*)` \|$", (ROOT / "docs/rational_activations.md").read_text("utf-8"), re.M)


def test_each_row_names_a_test_that_is_there():
    assert len(ROWS) == 21
    for _, _, test in ROWS:
        file, name = test.split("::")
        assert f"def {name}(" in (ROOT / "tests" / file).read_text("utf-8"), test


def test_each_of_our_names_is_there():
    names = {name for _, ours, _ in ROWS for name in re.findall(r"`rrn\.([A-Za-z_]+)[(`]", ours)}
    assert names >= {"Rational", "RecurrentRational", "replace_activations", "animate", "plot", "fit"}
    assert all(hasattr(rrn, name) for name in names)
