"""Folders that tests read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests/data"
SHARED = ROOT.parent / "shared"  # the authors' numbers; tests that need them skip where they are not
