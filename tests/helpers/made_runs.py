"""Folders as runs leave them, with made-up scores, so that a report on many needs no training."""

from __future__ import annotations

import copy
import json
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import nn

import rrn
from rrn.activations.inspection.snapshots import SNAPSHOT_FILE
from rrn.activations.registry import make_activations
from rrn.config.compose import compose_config
from rrn.runs.status_file import Status

EVALUATIONS = 11


@cache
def _config(env: str, agent: str, act: str, experiment: str):
    return compose_config([f"env={env}", f"agent={agent}", f"act={act}", f"experiment={experiment}"])


def make_run(
    root: Path,
    game: str,
    act: str,
    seed: int,
    scores: Callable[[np.ndarray], np.ndarray] = lambda part: 10 * part,
    *,
    agent: str = "dqn",
    experiment: str = "paper",
    steps: int = 100_000,
    done: float = 1.0,
    state: str = "done",
    why: str | None = None,
    evaluations: int = EVALUATIONS,
    measures: Sequence[str] = (),
    settings: dict | None = None,
    folder: Path | None = None,
) -> Path:
    """One folder; `scores` gives the mean score for parts [E] of the whole of training, up to the part `done`."""
    config = copy.deepcopy(_config(game if "-" in game else "Pong", agent, act, experiment))
    config.env.name, config.seed, config.steps = game, seed, steps
    for key, value in (settings or {}).items():
        setattr(config.act, key, value)
    folder = folder or root / game / f"{agent}-{act}" / f"seed{seed}"
    config.run_dir = str(folder)
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config))
    parts = np.linspace(0, 1, evaluations)
    parts = parts[parts <= done + 1e-9]
    lines = ["step,name,value"]
    for part, score in zip(parts, scores(parts), strict=True):
        step = int(part * steps)
        lines += [f"{step},evaluation/mean,{float(score)!r}", f"{step},train/loss,0.5"]
        lines += [f"{step},{name},{float(part)!r}" for name in measures]
    (folder / "scalars.csv").write_text("\n".join(lines) + "\n")
    command = f"python -m rrn.train agent={agent} env={game} act={act} seed={seed} experiment={experiment} resume=true"
    began, now = (
        (datetime.now().astimezone() - ago).isoformat(timespec="seconds") for ago in (timedelta(hours=1), timedelta())
    )
    at = int(parts[-1] * steps)
    status = Status(state, why, at, steps, 1.0, 1.0, 100.0, os.getpid(), socket.gethostname(), began, now, command)
    (folder / "status.json").write_text(json.dumps(asdict(status)))
    (folder / SNAPSHOT_FILE).write_text(
        "".join(_snapshot(act, seed).replace('"step": 0', f'"step": {int(part * steps)}') for part in parts)
    )
    return folder


@cache
def _snapshot(act: str, seed: int) -> str:
    """One line of a file of snapshots, for step 0."""
    torch.manual_seed(seed)
    network = nn.Sequential(*(layer for act in make_activations(act, 4) for layer in (nn.Linear(4, 4), act)))
    with torch.no_grad(), rrn.record_inputs(network, 128) as inputs:
        network(torch.randn(64, 4))
    return rrn.snapshot(network, 0, inputs).to_json() + "\n"
