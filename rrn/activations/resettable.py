"""Modules whose parameters can be given their starting values again."""

from __future__ import annotations

import torch
from torch import nn

from rrn.activations.ops.coefficients import Coefficients


class Resettable(nn.Module):
    """Module that remembers the starting values of its parameters.

    `_start` has them by the name of the parameter, as Python floats, which a move to the meta device leaves as they
    are. Its matrices are of the class `Coefficients`.
    """

    def __init__(self):
        super().__init__()
        self._start: dict[str, list | float] = {}

    def register_parameter(self, name: str, param: nn.Parameter | None) -> None:
        """Register a parameter, as assigning it does too, so that initialisers of weights leave it as it is."""
        super().register_parameter(name, param)
        Coefficients.protect(self._parameters[name])

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Give all parameters the values they were built with, in their present dtype and on their present device.

        `change_version` and `change_degrees` build a rational anew. Without random numbers. After `to_empty()`, which
        leaves parameters without values, this gives them their values, as for the modules of torch.

        Raises:
            ValueError: pruned or parametrized coefficients, or a module of a pickle of an earlier version of rrn.
        """
        start = self.__dict__.get("_start", {})
        if not start or not start.keys() <= self._parameters.keys():
            raise ValueError(
                "expected coefficients that are parameters with known starting values; these are pruned or "
                "parametrized (use prune.remove or remove_parametrizations first), or are of an old pickle (load "
                "their state_dict into a new module)."
            )
        for name, values in start.items():
            parameter = self._parameters[name]
            Coefficients.protect(parameter)
            start = torch.tensor(values, dtype=parameter.dtype, device=parameter.device)
            if hasattr(parameter, "placements"):  # a DTensor, as of FSDP
                from torch.distributed.tensor import distribute_tensor

                start = distribute_tensor(start, parameter.device_mesh, parameter.placements)  # type: ignore[attr-defined]
            parameter.copy_(start)

    def keep_start(self) -> None:
        """Make the present values of the parameters those that `reset_parameters` restores."""
        self._start = {name: parameter.tolist() for name, parameter in self._parameters.items()}
