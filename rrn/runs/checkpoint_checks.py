"""Check that a checkpoint belongs to a run, and holds what that run needs.

A checkpoint of another seed would be trained on in silence, and one with a field of another kind would fail in the
middle of training, or not at all.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from rrn.common.device import is_out_of_memory
from rrn.common.errors import UserError
from rrn.common.printable import printable
from rrn.config import Config, changed_settings
from rrn.runs.folder import config_of

SHORT = reprlib.Repr()
SHORT.maxlevel = 2
OPTIONAL = ("run", "measures", "exact", "best")  # what older checkpoints do not have
ADVICE = "take another one, or take this one out of its folder, so that the one before it is used."


def check_identity(path: Path, state: dict, config: Config, run_id: str | None) -> None:
    """Refuse the checkpoint of another run.

    Args:
        path: of the checkpoint, for the message.
        state: what is in it.
        config: of the run that wants it.
        run_id: of that run; None if it is not known.

    Raises:
        UserError: another configuration, seed or id.
    """
    theirs = config_of(state, path.parent)
    if theirs is not None and (changed := changed_settings(theirs, config)):
        raise UserError(f"{path}: this checkpoint is of a run with another configuration ({changed}); {ADVICE}")
    run = state.get("run")
    if run_id and isinstance(run, dict) and run.get("id", run_id) != run_id:
        raise UserError(f"{path}: this checkpoint is of another run with the same configuration; {ADVICE}")


@contextmanager
def fitting(path: Path) -> Iterator[None]:
    """Context that turns an error in taking up a checkpoint into a UserError, but for a full memory.

    Raises:
        UserError: it does not fit.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path}: this checkpoint does not fit the run: {reason}; {ADVICE}") from error


def check_form(path: Path, state: dict, like: dict) -> None:
    """Refuse a checkpoint that lacks something, or has something of another kind or a weight that is not finite.

    Args:
        path: of the checkpoint, for the message.
        state: what is in it.
        like: the state of a run that has just begun; no counter is ever below what it is there.

    Raises:
        UserError: names the first such field.
    """
    problem = _misfit(state, like, "") or not_finite(state["agent"], "agent")
    if problem:
        raise UserError(f"{path}: this checkpoint does not fit the run: {problem}; {ADVICE}")


def _misfit(value: object, like: object, name: str) -> str | None:
    """Say what is wrong with a value that must have the same form as another; None if nothing is."""
    if isinstance(like, dict):
        if not isinstance(value, dict):
            return f"{name}: expected a dictionary, got {_shown(value)}"
        for key, expected in like.items():
            at = f"{name}.{key}".lstrip(".")
            if key not in value and key not in OPTIONAL:
                return f"{at} is missing"
            if key in value and (problem := _misfit(value[key], expected, at)):
                return problem
        return None
    if isinstance(like, Tensor):
        if name.endswith("._extra_state") and isinstance(value, Tensor) and value.is_floating_point():
            like = like.to(value.dtype)  # the form of a rational: float64 in version 0.1.0, compared when it is loaded
        fits = isinstance(value, Tensor) and value.dtype == like.dtype and value.dim() == like.dim()
        return None if fits else f"{name}: expected {_shown(like)}, got {_shown(value)}"
    if isinstance(like, bool | str):
        return None if isinstance(value, type(like)) else f"{name}: expected {_shown(like)} or so, got {_shown(value)}"
    if isinstance(like, int):
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= min(like, 0)
        return None if fits else f"{name}: expected a whole number from {min(like, 0)} on, got {_shown(value)}"
    if isinstance(like, float):
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        return None if fits else f"{name}: expected a number, got {_shown(value)}"
    if isinstance(like, list | tuple):
        if not isinstance(value, list | tuple):
            return f"{name}: expected a list, got {_shown(value)}"
        problems = (_misfit(v, w, f"{name}[{i}]") for i, (v, w) in enumerate(zip(value, like, strict=False)))
        return next(filter(None, problems), None)
    return None


def not_finite(values: object, name: str) -> str | None:
    """Name the first tensor with NaN or infinity in nested dictionaries and lists."""
    if isinstance(values, Tensor):
        finite = not values.is_floating_point() or torch.isfinite(values).all()
        return None if finite else f"{name} is not finite"
    if isinstance(values, dict):
        values = values.items()
    elif isinstance(values, list | tuple):
        values = enumerate(values)
    else:
        return None
    return next(filter(None, (not_finite(value, f"{name}.{key}") for key, value in values)), None)


def _shown(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of {value.dtype} with {value.dim()} axes"
    text = SHORT.repr(value)
    return printable(text) if len(text) < 40 else type(value).__name__
