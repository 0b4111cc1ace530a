"""Names of devices, and numbers near zero."""

from __future__ import annotations

import platform
import subprocess
import sys
import threading

import pytest
import torch

from rrn.common.device import denormals_as_zero, pick_device
from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.runs.signals import StopSignals
from rrn.training.run import train
from rrn.training.stacked import train_stacked


def denormal() -> float:
    return (torch.tensor(torch.finfo(torch.float32).tiny) / 2).item()


def test_denormals_are_zero_within_and_as_before_after():
    assert denormal() > 0
    with denormals_as_zero():
        assert denormal() == 0
        with denormals_as_zero():
            pass
        assert denormal() == 0
    assert denormal() > 0


@pytest.mark.slow
def test_threads_that_start_within_inherit_the_mode():
    found = []
    with denormals_as_zero():
        thread = threading.Thread(target=lambda: found.append(denormal()))
        thread.start()
        thread.join()
    assert found == [0.0]
    script = (  # in a process of its own, where torch has not started its threads yet
        "import torch; from rrn.common.device import denormals_as_zero; torch.set_num_threads(2)\n"
        "with denormals_as_zero():\n"
        "    halves = torch.full((4_000_000,), torch.finfo(torch.float32).tiny) / 2\n"
        "    print((halves == 0).all().item())"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "True"


@pytest.mark.slow
def test_a_run_takes_them_for_zero(tmp_path, monkeypatch):
    found = []
    monkeypatch.setattr("rrn.training.trainer.Trainer.run", lambda trainer: found.append(denormal()) or True)
    train(compose_config(["env=CartPole", "experiment=smoke", f"run_dir={tmp_path}"]))
    assert found == [0.0]
    assert denormal() > 0


@pytest.mark.skipif(sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="the GNU C library's setting")
def test_freed_memory_is_kept():
    script = (
        "import resource, torch; from rrn.common.device import keep_freed_memory\n"
        "def faults():\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    for _ in range(30):\n"
        "        tensors = [torch.ones(900_000) for _ in range(3)]; del tensors\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "faults(); given_back = faults(); keep_freed_memory(); faults(); print(given_back, faults())"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    given_back, kept = map(int, printed.split())
    assert given_back > 10_000
    assert kept < 500


@pytest.mark.slow
def test_a_run_and_a_stack_keep_it(tmp_path, monkeypatch):
    called = []
    for module in ("run", "stacked"):
        monkeypatch.setattr(f"rrn.training.{module}.keep_freed_memory", lambda module=module: called.append(module))
    monkeypatch.setattr("rrn.training.trainer.Trainer.run", lambda trainer: True)
    train(compose_config(["env=CartPole", "experiment=smoke", f"run_dir={tmp_path / 'run'}"]))
    words = ["task=random_labels", "task.data=gaussian", "steps=16", "task.task_steps=8"]
    train_stacked([compose_config([*words, f"run_dir={tmp_path / 'stack'}"])], "", StopSignals())
    assert called == ["run", "stacked"]


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:99"])
def test_a_device_that_is_not_there(name):
    with pytest.raises(UserError, match="device"):
        pick_device(name)
