"""Train on disks that are full after a while, make room, and compare with runs that always had it.

python scripts/reliability/disks.py --disks 20

Each disk is a small tmpfs in a mount namespace of this process (Linux; `unshare` makes it without root). A run on it
must end with exit code 2 and one sentence, or fit; with more room it must go on to the end, equal bit for bit to a run
on a large disk. Prints one line of figures; exit code 1 if a run ends otherwise or anything differs.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from kills import RUNS, differences, start, train_whole

SEPARATE = "--in-namespace"


def main() -> None:
    """Read the options, fill the disks and compare, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--disks", type=int, default=20, help="full disks at least (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of their sizes (default: 0)")
    parser.add_argument(SEPARATE, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.in_namespace:
        os.execvp("unshare", ["unshare", "-rm", sys.executable, *sys.argv, SEPARATE])
    random.seed(options.seed)
    full, runs, faults = 0, 0, []
    with tempfile.TemporaryDirectory() as home:
        whole = Path(home) / "whole"
        whole.mkdir()
        for name in RUNS:
            train_whole(whole / name, RUNS[name])
        while full < options.disks:
            name = list(RUNS)[runs % len(RUNS)]
            runs += 1
            disk = Path(home) / f"disk{runs}"
            disk.mkdir()
            size = random.uniform(0.02, 1.1) * size_of(whole / name)
            mount(disk, f"size={int(size)}")
            outcome = train_on(disk, name, Path(home) / "output.txt")
            full += outcome == "full"
            faults += [] if outcome in ("full", "fits") else [f"{name}, {size / 1e3:.0f} kB: {outcome}"]
            mount(disk, "remount,size=1g")
            outcome = train_on(disk, name, Path(home) / "output.txt")
            faults += [] if outcome == "fits" else [f"{name}, {size / 1e3:.0f} kB, with more room: {outcome}"]
            faults += [f"{name}, {size / 1e3:.0f} kB: {what}" for what in differences(whole / name, disk / "run")]
            subprocess.run(["umount", str(disk)], check=True)
    print("\n".join(faults), end="\n" if faults else "")
    print(f"{full} full disks of {runs} runs, {len(RUNS)} kinds of run: {len(faults)} faults")
    raise SystemExit(bool(faults))


def size_of(folder: Path) -> int:
    """Add up the sizes of the files in a folder, with one more checkpoint, which is written before one is deleted."""
    checkpoints = [path.stat().st_size for path in folder.rglob("*.pt")]
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) + max(checkpoints)


def mount(folder: Path, how: str) -> None:
    """Mount a tmpfs on a folder, or change the one that is there."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", how, "tmpfs", str(folder)], check=True)


def train_on(disk: Path, name: str, output: Path) -> str:
    """Train or resume on a disk; return "fits", or "full" if that is what one sentence says, or what was wrong."""
    process = start(disk / "run", RUNS[name], output)
    process.join()
    text = output.read_text("utf-8")
    if process.exitcode == 0:
        return "fits"
    errors = [line for line in text.splitlines() if line.startswith("error: ")]
    last = text.strip().splitlines()[-1] if text.strip() else "no word"
    if process.exitcode != 2 or "Traceback" in text or len(errors) != 1 or last != errors[0]:
        return f"exit code {process.exitcode}: {last}"
    return "full" if "No space left" in last else last


if __name__ == "__main__":
    main()
