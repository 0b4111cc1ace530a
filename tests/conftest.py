"""What several test files share: one thread per test process, and the commands as a user types them."""

from __future__ import annotations

import os
import runpy
import shutil
import signal
import subprocess
import sys
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from helpers.processes import Command
from hypothesis import HealthCheck, settings

from rrn.config.compose import compose_config
from rrn.training.run import train


def pytest_configure() -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in a background job of a shell; processes inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if find_spec("absl"):  # of Flax: when Hydra sets up logging, absl closes its stream, were it one of pytest's
        import_module("absl.logging").get_absl_handler().python_handler.stream = sys.__stderr__
    torch.set_num_threads(1)
    settings.register_profile("rrn", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # of a busy machine
    settings.load_profile("rrn")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a GPU where there is none."""
    if not torch.cuda.is_available():
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("gpu")])
        items[:] = [item for item in items if not item.get_closest_marker("gpu")]


@pytest.fixture
def process(tmp_path):
    """Run `python -m <arguments>` in an empty folder; the finished process."""

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=900
        )

    return run


@pytest.fixture
def start(tmp_path):
    """Start `python -m <arguments>` in an empty folder; the process, which is ended with the test."""
    begun: list[Command] = []

    def run(*arguments: str, hang_up: signal.Handlers = signal.SIG_DFL) -> Command:
        begun.append(Command([*arguments], tmp_path, tmp_path / f"output{len(begun)}.txt", hang_up))
        return begun[-1]

    yield run
    for process in begun:
        process.kill()


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run `python -m <arguments>` in this process and an empty folder, seconds faster; the finished process."""
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


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory):
    """Train once in a session of tests, whichever worker asks first; the folder, which no test may change."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    (shared / "trained").mkdir(exist_ok=True)

    def run(*overrides: str) -> Path:
        home = shared / "trained" / sha256(repr(overrides).encode()).hexdigest()[:16]
        config = compose_config([*overrides, "threads=1", "device=cpu"])
        with FileLock(f"{home}.lock"), pytest.MonkeyPatch.context() as patch:
            if not (home / "done").exists():
                shutil.rmtree(home, ignore_errors=True)
                home.mkdir()
                patch.chdir(home)  # run_dir is a relative path, and is written down
                assert train(config) is None
                (home / "done").touch()
        return home / config.run_dir

    return run


@pytest.fixture
def train_here(tmp_path, monkeypatch, trained_run):
    """Train in this process, in an empty folder, or copy such a run that another test has asked for; its folder."""
    monkeypatch.chdir(tmp_path)

    def run(*overrides: str) -> Path:
        config = compose_config([*overrides, "threads=1", "device=cpu"])
        folder = tmp_path / config.run_dir
        alone = not any(word.startswith(("run_dir=", "resume=", "act.from=")) for word in overrides)
        if alone and not folder.exists():
            return shutil.copytree(trained_run(*overrides), folder)
        assert train(config) is None
        return folder

    return run


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    torch.manual_seed(0)
