"""Count the CPU cores that this process may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

PROC, CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Count the cores that CPU affinity and the container's quota leave this process, at least 1.

    A quota of 1.5 cores counts as one: a second thread would wait half of the time, and the first one for it.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        cores = os.cpu_count() or 1
    return max(1, int(min([cores, *_quotas()])))


def _quotas() -> Iterator[float]:
    """Yield the quota, in cores, of each Linux control group (v1 or v2) of this process."""
    try:
        lines = PROC.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = CGROUPS / controllers if controllers else CGROUPS
        inside = path.strip("/").split("/") if path.strip("/") else []
        # within a container the path may be that of the host, of which only the root is visible
        for depth in range(len(inside), -1, -1):
            yield from _quota(root.joinpath(*inside[:depth]))


def _quota(group: Path) -> Iterator[float]:
    try:
        if (group / "cpu.max").is_file():
            quota, period = (group / "cpu.max").read_text(encoding="utf-8").split()
        else:
            quota = (group / "cpu.cfs_quota_us").read_text(encoding="utf-8")
            period = (group / "cpu.cfs_period_us").read_text(encoding="utf-8")
        if float(quota) > 0:
            yield float(quota) / float(period)
    except (OSError, ValueError, ZeroDivisionError):  # none, max, or -1
        return
