"""Load the agent of a trained run."""

from __future__ import annotations

from pathlib import Path

import torch

from rrn.agents import make_agent
from rrn.agents.base import Agent
from rrn.common.errors import UserError
from rrn.config import Config
from rrn.envs import VectorEnv
from rrn.envs.shape import EnvShape
from rrn.runs import checkpoint as checkpoints
from rrn.runs.checkpoint_checks import check_form, check_identity
from rrn.runs.folder import read_run_id
from rrn.runs.weights import BEST, LAST, find_weights


def load_checkpoint(folder: Path, config: Config, name: str | None) -> tuple[Path, dict]:
    """Load a checkpoint or a file of weights of a run, and check that it belongs to the run.

    Args:
        folder, config: of the run.
        name: a path, "best", "last" or an agent step, which name files of weights; None: the last checkpoint.

    Raises:
        UserError: there is no such file, or it is of another run.
    """
    path = find_weights(folder, name or LAST)
    last = None if name and path else checkpoints.load_last(folder / "checkpoints")
    if name and path is None and name not in (BEST, LAST):
        path = Path(name)
        if not path.is_file():
            kept = "; weights of each evaluation are kept with checkpoint.weights=all" if name.isdecimal() else ""
            raise UserError(f"{name}: there is no such file of {folder}{kept}.")
        last = None
    if last is not None:  # none is asked for, or the run is of a version that kept checkpoints alone
        path, state = last
    elif path is None:
        raise UserError(f"{folder}: no checkpoint yet; one comes every {config.checkpoint.every} steps.")
    else:
        state = checkpoints.load(path)
    check_identity(path, state, config, read_run_id(folder))
    return path, state


def load_agent(
    folder: Path, config: Config, games: VectorEnv | EnvShape, device: torch.device, path: Path, state: dict
) -> Agent:
    """Make the agent of a run with the weights of a checkpoint, or a file of weights, that `load_checkpoint` returned.

    Raises:
        UserError: the file does not fit the run.
    """
    agent = make_agent(config, games, device)
    weights = "games" in state
    check_form(path, state, {"step": 0, "agent": agent.policy_state() if weights else agent.state_dict()})
    try:
        (agent.load_policy_state if weights else agent.load_state_dict)(state["agent"])
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{path}: this checkpoint is not of a run with the settings in {folder}.") from error
    return agent
