"""What several test files share: one thread per test process, and the commands as a user types them."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rrn.config.compose import compose_config
from rrn.training.run import train


def pytest_configure() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def process(tmp_path):
    """Run `python -m <arguments>` in an empty folder; the finished process."""

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=900
        )

    return run


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """The same in this process, which has everything imported already: seconds less."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", list(arguments))
        code = None
        try:
            runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
        except SystemExit as end:
            code = end.code
        return subprocess.CompletedProcess(arguments, code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def train_here(tmp_path, monkeypatch):
    """Train in this process, in an empty folder; the folder of the run."""
    monkeypatch.chdir(tmp_path)

    def run(*overrides: str) -> Path:
        config = compose_config([*overrides, "threads=1", "device=cpu"])
        assert train(config) is None
        return tmp_path / config.run_dir

    return run


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    torch.manual_seed(0)
