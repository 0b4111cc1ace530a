"""The doctor names the path of each device, and why a slow one is taken."""

from __future__ import annotations

from importlib.metadata import version

import pytest
import torch

from rrn import doctor
from rrn.activations.ops import cpu


def test_says_what_runs_here(capsys):
    doctor.main()
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["torch"] == version("torch")
    assert lines["Atari"] == "104 games"
    assert lines["GPU"] == "none that torch can use" if not torch.cuda.is_available() else "cuda:0" in lines


@pytest.mark.parametrize(
    ("attribute", "value", "text"),
    [("KERNELS", None, "no kernel was built; install a C++ compiler"), ("PARALLEL_FOR", 0, "on one thread")],
)
@pytest.mark.skipif(cpu.KERNELS is None, reason="the kernels were not built: there was no compiler")
def test_says_why_it_is_slow(capsys, monkeypatch, attribute, value, text):
    monkeypatch.setattr(cpu, attribute, value)
    doctor.main()
    assert text in capsys.readouterr().out
