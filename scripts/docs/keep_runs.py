"""Copy what a report needs of runs, compressed, so that it can be kept in git: settings, scores, shapes, software.

    python scripts/docs/keep_runs.py runs/Pong docs/runs/pong

Checkpoints, event files and pictures are left out. `python -m rrn.report docs/runs` reads the copies.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
from pathlib import Path

PLAIN, COMPRESSED = ("config.yaml", "status.json", "software.jsonl"), ("scalars.csv", "shapes.jsonl")


def keep(run: Path, target: Path) -> None:
    """Copy one run; a copy from before is overwritten."""
    target.mkdir(parents=True, exist_ok=True)
    for name in PLAIN:
        shutil.copyfile(run / name, target / name)
    for name in COMPRESSED:
        # without the time in its head, so that the same run gives the same bytes
        (target / f"{name}.gz").write_bytes(gzip.compress((run / name).read_bytes(), mtime=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, help="a folder with runs at any depth")
    parser.add_argument("target", type=Path, help="where the copies go, at the same depth")
    options = parser.parse_args()
    for config in sorted(options.runs.rglob("config.yaml")):
        keep(config.parent, options.target / config.parent.relative_to(options.runs))


if __name__ == "__main__":
    main()
