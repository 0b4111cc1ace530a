"""The doctor names the path of each device, and why a slow one is taken."""

from __future__ import annotations

import sys
from importlib.metadata import version
from types import ModuleType

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
    ("module", "text"),
    [
        (None, "no kernel was built; install a C++ compiler"),
        (ModuleType("earlier"), "the kernels were built for another version of rrn; install rrn again"),
    ],
)
def test_says_why_there_is_no_kernel(capsys, monkeypatch, module, text):
    """Without a module, an import fails; one of an earlier version lacks the functions that are called."""
    for name in cpu.MODULES["AVX512"]:
        monkeypatch.setitem(sys.modules, name, module)
    kernels, problem = cpu.load("AVX512")
    assert kernels is None
    monkeypatch.setattr(cpu, "KERNELS", kernels)
    monkeypatch.setattr(cpu, "PROBLEM", problem)
    doctor.main()
    assert f"plain torch, which is several times slower: {text}" in capsys.readouterr().out


@pytest.mark.skipif(cpu.KERNELS is None, reason="the kernels were not built: there was no compiler")
def test_says_that_a_kernel_has_one_thread(capsys, monkeypatch):
    monkeypatch.setattr(cpu, "PARALLEL_FOR", 0)
    doctor.main()
    assert "on one thread" in capsys.readouterr().out
