"""Copy runs to MLflow: the main settings, every logged number, config.yaml and the last figure of the activations.

MLFLOW_TRACKING_URI=sqlite:///mlflow.db python examples/mlflow_runs.py runs/CartPole/*/seed*

Needs: pip install mlflow.
"""

import csv
import sys
from itertools import groupby
from pathlib import Path

import mlflow
import yaml

mlflow.set_experiment("rrn")
for folder in map(Path, sys.argv[1:]):
    config = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
    with open(folder / "scalars.csv", encoding="utf-8", newline="") as file, mlflow.start_run(run_name=str(folder)):
        mlflow.log_params({group: config[group]["name"] for group in ("agent", "env", "act")})
        mlflow.log_params({name: config[name] for name in ("seed", "steps")})
        for step, rows in groupby(csv.DictReader(file), key=lambda row: int(row["step"])):
            mlflow.log_metrics({row["name"]: float(row["value"]) for row in rows}, step=step)
        for name in ("config.yaml", "shapes.png"):
            if (folder / name).exists():
                mlflow.log_artifact(str(folder / name))
