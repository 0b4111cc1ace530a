"""Copy runs to Weights & Biases: settings, every logged number, and the last figure of the activations.

WANDB_MODE=offline python examples/wandb_runs.py runs/CartPole/*/seed*

Needs: pip install wandb.
"""

import csv
import sys
from itertools import groupby
from pathlib import Path

import wandb
import yaml

for folder in map(Path, sys.argv[1:]):
    config = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
    with (
        open(folder / "scalars.csv", encoding="utf-8", newline="") as file,
        wandb.init(project="rrn", group=folder.parent.name, name=str(folder), config=config) as run,
    ):
        for step, rows in groupby(csv.DictReader(file), key=lambda row: int(row["step"])):
            run.log({row["name"]: float(row["value"]) for row in rows}, step=step)
        if (folder / "shapes.png").exists():
            run.summary["shapes"] = wandb.Image(str(folder / "shapes.png"))
