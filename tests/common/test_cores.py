"""How many cores and threads a run takes: by affinity, by the quota of its container, and no more than help."""

from __future__ import annotations

import os

import pytest
import torch

from rrn.common import cores
from rrn.common import threads as threads_module
from rrn.common.cores import usable_cores
from rrn.config.compose import compose_config

V2 = {"cpu.max": "{} 100000\n"}
V1 = {"cpu.cfs_quota_us": "{}\n", "cpu.cfs_period_us": "100000\n"}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with 8 cores and the control groups that are given."""

    def make(lines: str, groups: dict[str, tuple[dict[str, str], object]]) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
        (tmp_path / "cgroup").write_text(lines)
        for name, (files, quota) in groups.items():
            folder = tmp_path / "groups" / name
            folder.mkdir(parents=True, exist_ok=True)
            for file, text in files.items():
                (folder / file).write_text(text.format(quota))
        monkeypatch.setattr(cores, "PROC", tmp_path / "cgroup")
        monkeypatch.setattr(cores, "CGROUPS", tmp_path / "groups")

    return make


@pytest.mark.parametrize(
    ("lines", "groups", "expected"),
    [
        ("0::/\n", {".": (V2, 300000)}, 3),  # in a container
        ("0::/\n", {".": (V2, "max")}, 8),
        ("0::/\n", {}, 8),
        ("0::/user/job\n", {"user/job": (V2, "max"), "user": (V2, 200000)}, 2),  # of a group around it
        ("0::/user/job\n", {"user/job": (V2, 100000), "user": (V2, 200000)}, 1),
        ("0::/docker/abc\n", {".": (V2, 400000)}, 4),  # the path of the host, seen from inside
        ("2:cpu,cpuacct:/docker/abc\n", {"cpu,cpuacct": (V1, 200000)}, 2),
        ("1:cpu:/job\n", {"cpu/job": (V1, 500000)}, 5),
        ("1:cpu:/job\n", {"cpu/job": (V1, -1)}, 8),
        ("3:cpuset:/job\n", {"cpuset/job": (V1, 100000)}, 8),  # not the controller of quotas
        ("0::/\n", {".": (V2, 50000)}, 1),  # less than one core
        ("0::/\n", {".": (V2, 190000)}, 1),  # the second thread would wait
        ("0::/\n", {".": (V2, 1600000)}, 8),
        ("0::/\n", {".": ({"cpu.max": "nonsense\n"}, 0)}, 8),
        ("", {}, 8),
    ],
)
def test_a_quota_limits_the_cores(machine, lines, groups, expected):
    machine(lines, groups)
    assert usable_cores() == expected


def test_affinity_limits_the_cores():
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("no affinity on this system")
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert 1 <= usable_cores() <= len(before)


@pytest.mark.parametrize(
    ("override", "torch_has", "usable", "threads"),
    [
        ("env=Pong", 16, 1, 1),
        ("env=Pong", 16, 2, 2),
        ("env=Pong", 16, 16, 4),
        ("env=Pong", 1, 16, 1),  # as OMP_NUM_THREADS=1 asks
        ("env=CartPole", 16, 16, 1),
        ("threads=7", 16, 2, 7),
    ],
)
def test_the_threads_of_a_run(monkeypatch, override, torch_has, usable, threads):
    before = torch.get_num_threads()
    monkeypatch.setattr(threads_module, "usable_cores", lambda: usable)
    torch.set_num_threads(torch_has)
    try:
        config = compose_config([override])
        threads_module.set_threads(config.threads, config.env.most_threads)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
