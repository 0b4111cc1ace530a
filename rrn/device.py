"""Which device a run uses."""

from __future__ import annotations

import torch

from rrn.errors import UserError


def pick_device(name: str) -> torch.device:
    """The device of a name: auto (the first GPU, or the CPU), cpu, cuda or cuda:N.

    Raises:
        UserError: another name, or a GPU that is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise UserError(f"device: expected auto, cpu, cuda or cuda:N, got {name}.")
    found = torch.cuda.device_count()
    if kind == "cuda" and int(number or 0) >= found:
        raise UserError(f"device={name}: torch finds {found or 'no'} GPU; use device=cpu or device=auto.")
    return torch.device(name)
