"""Export the policy of a trained run as a file for other programs, with a model card beside it.

The card is in card.py, what an agent computes in acting.py, the formats in formats.py and to_sb3.py.
"""

from __future__ import annotations

import json
import os
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from rrn.agents.base import Agent
from rrn.agents.ppo.agent import PPO
from rrn.common.command_line import version
from rrn.common.errors import UserError
from rrn.common.extras import needs
from rrn.common.files import write_atomic
from rrn.config import Config
from rrn.envs import VectorEnv, make_envs
from rrn.policies import formats
from rrn.policies.acting import ActingModule, acting_module
from rrn.policies.card import card_text, check_card, shape_text
from rrn.runs.folder import load_config
from rrn.training.trained_agent import load_agent, load_checkpoint

SUFFIXES = {"onnx": ".onnx", "torchscript": ".pt", "safetensors": ".safetensors", "sb3": ".zip"}
CHECKED = 32  # observations that a file is checked with, at least
TOLERANCE = 1e-4  # of an output, relative to its largest value


def export(run: Path, to: str, out: Path | None, checkpoint: str | None) -> Path:
    """Write the file and its card; arguments and errors are those of `rrn.export_policy`."""
    if to not in SUFFIXES:
        raise UserError(f"to: expected one of {', '.join(SUFFIXES)}, got {to!r}.")
    path = run / "export" / to / f"policy{SUFFIXES[to]}" if out is None else out
    if path.suffix != SUFFIXES[to]:
        raise UserError(f"out: expected a name that ends in {SUFFIXES[to]}, got {path}.")
    check_card(path.with_name("README.md"))
    config = load_config(run)
    source, state = load_checkpoint(run, config, checkpoint)
    games = make_envs(config.env, config.env.num_envs if config.agent.builds_network else 1, (0,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of stable-baselines3, on settings for training
        agent = load_agent(run, config, games, torch.device("cpu"), source, state)
    made = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    try:
        outputs = _write(partial, to, config, agent, games, state["step"])
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        for folder in made:
            with suppress(OSError):  # another export writes there
                folder.rmdir()
        raise
    write_atomic(path.with_name("README.md"), card_text(run, config, state["step"], games, path.name, to, outputs))
    return path


def _write(path: Path, to: str, config: Config, agent: Agent, games: VectorEnv, step: int) -> tuple[str, ...]:
    """Write the file, check it, and return the names of its outputs; () if it holds weights alone."""
    if to == "safetensors":
        metadata = {
            "config": json.dumps(OmegaConf.to_container(OmegaConf.structured(config))),
            "observations": shape_text(games),
            "step": str(step),
            "rrn": version(),
        }
        formats.write_safetensors(weights(agent), metadata, path)
        return ()
    module = acting_module(agent)
    seen = _observations(games)
    if to == "sb3":
        with needs("an export to sb3", "sb3"):
            from rrn.policies.to_sb3 import run_sb3, to_sb3
        with open(path, "wb") as file:
            to_sb3(config, agent, games, step).save(file)
        given = run_sb3(path, module, seen)
    elif to == "onnx":
        formats.write_onnx(module, torch.from_numpy(seen[:2]), path)
        given = formats.run_onnx(path, seen)
    else:
        formats.write_torchscript(module, torch.from_numpy(seen[:2]), path)
        given = formats.run_torchscript(path, seen)
    _check(module, seen, given, to)
    return module.outputs


def weights(agent: Agent) -> dict[str, Tensor]:
    """Return what an agent acts by: the state_dict of its network, and the moments that it normalises with, by name."""
    policy = getattr(agent, "policy", None)  # of Stable-Baselines3: the whole network, of which agent.network is a part
    tensors = dict((policy if isinstance(policy, nn.Module) else agent.network).state_dict())
    for name, one in agent.moments().items() if isinstance(agent, PPO) else ():
        tensors |= {f"{name}.mean": one.mean, f"{name}.variance": one.variance}
    return tensors


def _observations(games: VectorEnv) -> np.ndarray:
    """Play random actions; return the observations [CHECKED or more, stack, *frame]."""
    generator = torch.Generator().manual_seed(0)
    rows = [games.observations.copy()]
    while len(rows) * games.num_envs < CHECKED:
        rows.append(games.step(games.action_space.random(games.num_envs, generator).numpy()).observations.copy())
    return np.concatenate(rows)


def _check(module: ActingModule, observations: np.ndarray, given: list[np.ndarray], to: str) -> None:
    """Raise a UserError unless a file gives the outputs of the module, but for rounding; close actions may differ."""
    with torch.no_grad():
        expected: Any = [output.numpy() for output in module(torch.from_numpy(observations))]
    for name, ours, theirs in list(zip(module.outputs, expected, given, strict=True))[1:]:
        difference = np.abs(ours - theirs).max()
        if not (ours.shape == theirs.shape and difference <= TOLERANCE * max(1.0, np.abs(ours).max())):
            raise UserError(
                f"to {to}: expected the {name} of the agent from the file, got others, by up to {difference:.3g}; the "
                "format does not hold all that this network does, try safetensors."
            )
