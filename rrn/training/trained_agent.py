"""Load the agent of a trained run."""

from __future__ import annotations

from pathlib import Path

import torch

from rrn.agents import make_agent
from rrn.agents.base import Agent
from rrn.common.errors import UserError
from rrn.config import Config
from rrn.envs import VectorEnv
from rrn.runs import checkpoint as checkpoints
from rrn.runs.checkpoint_checks import check_form, check_identity
from rrn.runs.folder import read_run_id


def load_checkpoint(folder: Path, config: Config, name: str | None) -> tuple[Path, dict]:
    """Load a checkpoint, or the last one of the run, and check that it belongs to the run."""
    if name:
        path = Path(name)
        if not path.is_file():
            raise UserError(f"checkpoint={path}: there is no such file.")
        state = checkpoints.load(path)
    else:
        last = checkpoints.load_last(folder / "checkpoints")
        if last is None:
            raise UserError(f"{folder}: no checkpoint yet; one comes every {config.checkpoint.every} steps.")
        path, state = last
    check_identity(path, state, config, read_run_id(folder))
    return path, state


def load_agent(folder: Path, config: Config, games: VectorEnv, device: torch.device, path: Path, state: dict) -> Agent:
    """Make the agent of a run with the weights of a checkpoint, which `load_checkpoint` returned.

    Raises:
        UserError: the checkpoint does not fit the run.
    """
    agent = make_agent(config, games, device)
    check_form(path, state, {"step": 0, "agent": agent.state_dict()})
    try:
        agent.load_state_dict(state["agent"])
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{path}: this checkpoint is not of a run with the settings in {folder}.") from error
    return agent
