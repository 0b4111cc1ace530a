"""Compare the form of a rational that a state_dict names with that of the module that loads it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from rrn.activations.fitting.formula import VERSIONS


class SavedForm(nn.Module):
    """Module with its form in the state_dict, which is compared when a state is loaded."""

    def _form(self) -> list[float]:
        raise NotImplementedError

    def get_extra_state(self) -> Tensor:
        """Return (version, n, m) as numbers and the range of linear tails, so that the state_dict has only tensors.

        They are float32, which every device has, so that the mean of two state_dicts, as in a soft update of target
        networks, keeps them.
        """
        return torch.tensor(self._form(), dtype=torch.float32, device="cpu")

    def set_extra_state(self, state: Tensor) -> None:
        """Compare a state with this module's form, for those who call this without `load_state_dict`.

        Raises:
            ValueError: a state of another version, other degrees or other tails.
        """
        mismatch = form_mismatch(state, self._form())
        if mismatch:
            raise ValueError(f"rational: {mismatch}")

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing, unexpected, errors):
        mismatch = form_mismatch(state_dict.get(prefix + "_extra_state"), self._form())
        if mismatch:  # instead of torch's message on shapes
            errors.append(f"{prefix.rstrip('.') or 'rational'}: {mismatch}")
        else:
            super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing, unexpected, errors)


def form_mismatch(state: Any, own: list[float]) -> str | None:
    """Say how the form in a state differs from that of a module.

    Args:
        state: what the state has: numbers (version, n, m) and the range of linear tails, as a tensor of any dtype, an
            array or a list.
        own: the same numbers of the module.

    Returns:
        A sentence without its subject; None if both are equal up to the rounding of the state's dtype, or if the
        state holds no numbers, such as one on the meta device.
    """
    try:
        tensor = torch.as_tensor(state).detach().flatten()
        numbers = None if tensor.is_meta else [float(number) for number in tensor.tolist()]
    except (TypeError, ValueError, RuntimeError, NotImplementedError):  # such as of FakeTensorMode
        numbers = None
    if numbers is None:
        return None
    rounding = torch.finfo(tensor.dtype).eps if tensor.is_floating_point() else 0.0
    tolerance = max(1e-3, rounding)  # soft updates round more than once
    close = [math.isclose(there, here, rel_tol=tolerance) for there, here in zip(numbers, own, strict=False)]
    if all(close) and len(numbers) == len(own):
        return None
    form = numbers[:3]
    whole = all(math.isclose(number, round(number), rel_tol=tolerance) for number in form if math.isfinite(number))
    if (
        not whole
        or len(numbers) not in (3, 5)
        or not all(map(math.isfinite, numbers))
        or round(form[0]) not in range(len(VERSIONS))
        or min(form[1:]) < 1
    ):
        return (
            f"the state has {_short(numbers)} for _extra_state, expected {_short(own)}; these numbers name the form "
            "and are not trained: a mean, a noise or another change of a state must leave _extra_state as it was."
        )
    return f"the state has {_named(numbers)}, this module {_named(own)}; build it with the former to load it."


def _short(numbers: list[float]) -> str:
    return "[" + ", ".join(f"{number:.4g}" for number in numbers) + "]"


def _named(numbers: list[float]) -> str:
    index, n, m, *tail = numbers
    return f"version {VERSIONS[round(index)]} with degrees {(round(n), round(m))}" + (
        f" and linear tails at {[float(f'{end:.6g}') for end in tail]}" if tail else ""
    )
