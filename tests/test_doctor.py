"""The doctor names the path of each device, and why a slow one is taken."""

from __future__ import annotations

import sys
from importlib.metadata import version
from importlib.util import find_spec
from types import ModuleType

import pytest
import torch

from rrn import doctor
from rrn.activations.ops import cpu
from rrn.frameworks import arrays


def test_says_what_runs_here(capsys):
    doctor.main()
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["torch"] == version("torch")
    assert lines["Atari"] == "104 games"
    assert lines["jax"] == version("jax") if find_spec("jax") else "not installed"
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


def test_says_which_backend_keras_takes_and_why(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    here = {"keras", "jax", "tensorflow-cpu"}
    monkeypatch.setattr(doctor, "version_of", lambda package: "1.0" if package in here else None)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert doctor.keras_backend() == "jax, by KERAS_BACKEND"
    monkeypatch.delenv("KERAS_BACKEND")
    assert doctor.keras_backend() == "tensorflow, by default"
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    file = tmp_path / "keras.json"
    assert doctor.keras_backend().startswith(f"torch, by {file}, but it is not installed; set KERAS_BACKEND")


def test_says_what_computes_rationals_of_numpy(capsys, monkeypatch):
    doctor.main()
    kernel = arrays.KERNELS and arrays.KERNELS.__name__
    assert (f"compiled kernel {kernel}, on one thread" if kernel else "plain NumPy") in capsys.readouterr().out
    monkeypatch.setattr(arrays, "KERNELS", None)
    doctor.main()
    assert "plain NumPy, which is several times slower" in capsys.readouterr().out


@pytest.mark.skipif(cpu.KERNELS is None, reason="the kernels were not built: there was no compiler")
def test_says_that_a_kernel_has_one_thread(capsys, monkeypatch):
    monkeypatch.setattr(cpu, "PARALLEL_FOR", 0)
    doctor.main()
    assert "on one thread" in capsys.readouterr().out
