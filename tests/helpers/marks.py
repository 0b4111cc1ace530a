"""Marks of single cases."""

from __future__ import annotations

import pytest


def slow(*values: object) -> list:
    """Values for `parametrize` that only `pytest -m ""` runs."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]
