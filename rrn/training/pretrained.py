"""Start a run with what another run has learned: its activations, act.from=RUN, or all its weights, agent.from=RUN.

Delfosse et al. 2021 test in this way whether the shapes or the learning of them helps: rationals from an earlier run
of the game, frozen, and fresh weights.
"""

from __future__ import annotations

from pathlib import Path

from rrn.activations.sites import named_rationals
from rrn.agents.base import Agent
from rrn.common.errors import UserError
from rrn.config import Config
from rrn.runs import checkpoint
from rrn.runs.checkpoint_checks import check_form, not_finite
from rrn.runs.weights import BEST, find_weights


def begin_with(agent: Agent, config: Config) -> None:
    """Set the weights of an agent that has not learned yet to those that its configuration names, if any.

    Raises:
        UserError: as `take_weights` and `take_activations`.
    """
    if config.agent.from_run:
        take_weights(agent, config.agent.from_run)
    if getattr(config.act, "from_run", None):
        take_activations(agent, config.act.from_run)  # type: ignore[attr-defined]


def take_weights(agent: Agent, source: str | Path) -> None:
    """Set all weights of an agent to those of a run: of its best evaluation or, in older runs, its last checkpoint.

    Learning begins afresh: with new moments of the optimiser, an empty replay buffer and the target network equal.

    Args:
        agent: gets the weights.
        source: folder of the run, or a file of weights or a checkpoint of one.

    Raises:
        UserError: no such file is there, or its agent has another form.
    """
    path = Path(source)
    found = path if path.is_file() else find_weights(path, BEST)
    if found is not None:
        state = checkpoint.load(found)
    else:
        last = checkpoint.load_last(path / "checkpoints")
        if last is None:
            raise UserError(f"agent.from={source}: no weights are there; give the folder of a run that was trained.")
        found, state = last
    own = agent.policy_state()
    saved = state["agent"] if isinstance(state.get("agent"), dict) else {}
    try:
        check_form(found, {"agent": saved}, {"agent": own})
        agent.load_policy_state(saved)
    except (UserError, RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = str(error).splitlines()[:2][-1].strip(" \t.")
        raise UserError(
            f"agent.from={source}: {found.name} is of another agent, network, activation or environment ({reason}); "
            "set them as there."
        ) from error


def take_activations(agent: Agent, folder: str | Path) -> None:
    """Set all rationals of an agent to those in the last checkpoint of a run.

    Raises:
        UserError: no run or checkpoint is there, or its network has rationals at other activation sites or of another
            form, or that are not finite.
    """
    last = checkpoint.load_last(Path(folder) / "checkpoints")
    if last is None:
        raise UserError(f"act.from={folder}: no checkpoint is there; give the folder of a run that was trained.")
    path, state = last
    try:
        saved = dict(state["agent"]["network"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"act.from={folder}: {path.name} there holds no network.") from error
    own = {f"{name}.{key}" for name, module in named_rationals(agent.network) for key in module.state_dict()}
    theirs = {key for key in saved if key.rpartition(".")[0] + "._extra_state" in saved}
    if own != theirs:
        here, there = (_places(keys) for keys in (own, theirs))
        raise UserError(f"act.from={folder}: its rationals are {there}, those of this run {here}; set act= as there.")
    if bad := not_finite({key: saved[key] for key in own}, "agent"):
        raise UserError(f"act.from={folder}: {bad}; take another run.")
    try:
        agent.load_weights({key: saved[key] for key in own})
    except (RuntimeError, AttributeError, TypeError, ValueError, IndexError) as error:
        reason = str(error).splitlines()[:2][-1]  # torch's first line names the network alone
        reason = reason.strip(" \t.").partition("; build it")[0]
        raise UserError(f"act.from={folder}: set act.degrees, act.version and act.per as there ({reason}).") from error


def _places(keys: set[str]) -> str:
    names = sorted({key.rpartition(".")[0].rpartition(".")[2] for key in keys})
    return f"at {', '.join(names)}" if names else "none"
