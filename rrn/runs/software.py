"""Record the software of a run: software.jsonl in its folder has a line for each process that worked on it.

The bits of a run depend on all that is in a line, its scores on the versions at least.
"""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rrn.common.files import write_atomic
from rrn.common.foreign_files import read_packed

if TYPE_CHECKING:
    import torch

SOFTWARE_FILE = "software.jsonl"
MOST_BYTES = 1 << 22  # of it, some 8,000 processes
MODEL = ("model name", "cpu family", "model", "stepping", "CPU implementer", "CPU part")  # on x86, and on ARM


def packages_of_scores() -> tuple[str, ...]:
    """Name the packages that scores depend on: rrn, torch, NumPy and those of our environments and agents."""
    from rrn.config import AGENTS, ENVS  # OmegaConf, which versions alone do not need

    kinds: list[Any] = [*ENVS.values(), *AGENTS.values()]
    chosen = [package for kind in kinds for package in kind.packages]
    return tuple(dict.fromkeys(("rrn", "torch", "numpy", *chosen)))


def version_of(package: str) -> str | None:
    """Return the version of a package, None if it is not installed; with the commit, for a checkout of rrn."""
    try:
        number = version(package)
    except PackageNotFoundError:
        return None
    commit = _commit() if package == "rrn" else None
    return f"{number} at {commit}" if commit else number


def _commit() -> str | None:
    """Return the commit of the checkout with this file, if there is one and git works; -dirty marks changes."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    command = ["git", "--no-optional-locks", "-C", str(folder), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def processor(info: Path = Path("/proc/cpuinfo")) -> str:
    """Name the model of the processor, by which the libraries beneath torch choose how they multiply matrices.

    Two models with AVX-512 can differ in the last bits; `info` is Linux's list of processors.
    """
    try:
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # another system
        return platform.processor() or platform.machine()
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(lines))}
    model = [fields[name] for name in MODEL if name in fields]
    return ", ".join(model) or platform.machine()


def software(device: torch.device, packages: Iterable[str] = ()) -> dict[str, str]:
    """List the software and hardware of this process by name; `packages` are further packages to list."""
    import torch  # the readers of the file do without

    from rrn.activations.ops import cpu, cuda

    on_gpu = device.type == "cuda"
    return {
        "python": platform.python_version(),
        **{name: number for name in dict.fromkeys((*packages_of_scores(), *packages)) if (number := version_of(name))},
        "machine": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "device": torch.cuda.get_device_name(device) if on_gpu else "cpu",
        "threads": str(torch.get_num_threads()),
        "rationals": cuda.path() if on_gpu else cpu.path(),
    }


def note_software(folder: Path, device: torch.device, step: int, packages: Iterable[str] = ()) -> str | None:
    """Add a line for this process to the file of a run; lines of processes that left nothing are removed.

    Args:
        folder: of the run.
        device: where it computes.
        step: agent step that it goes on from.
        packages: some more whose versions matter to this run.

    Returns:
        What is not as it was for the process before, such as "torch was 2.11.0 and is 2.13.0"; None if nothing is.
    """
    before = [row for row in read_software(folder) if isinstance(row.get("step"), int) and row["step"] < step]
    now = software(device, packages)
    lines = [*before, {"step": step, **now}]
    write_atomic(folder / SOFTWARE_FILE, "".join(f"{json.dumps(line)}\n" for line in lines))
    last = lines[-2] if before else lines[-1]
    changed = [key for key in {**last, **now} if key != "step" and last.get(key) != now.get(key)]
    there = [(key, last.get(key, "not there"), now.get(key, "not there")) for key in changed]
    return "; ".join(f"{key} was {old} and is {new}" for key, old, new in there) or None


def read_software(folder: Path) -> list[dict]:
    """Read the lines of a run's file, compressed or not, oldest first; none without one. Skip damaged lines."""
    try:
        lines = read_packed(folder / SOFTWARE_FILE, MOST_BYTES).decode("utf-8", errors="replace").splitlines()
    except (OSError, ValueError):
        return []
    rows = []
    for line in lines:
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(values, dict):
            rows.append(values)
    return rows
