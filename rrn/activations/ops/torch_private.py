"""Every private name of torch that is used, what for, and what takes its place where it is gone.

Asking torch what is going on costs eager code a tenth of what the dispatcher does. Where torch cannot be asked, the
answer is the one that leads to a slower path with the same value (see operator.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import forward_ad, function


def _known(name: str, otherwise: Callable[[], Any]) -> Callable[[], Any]:
    """Return torch._C.name, or `otherwise` if it is gone or takes arguments."""
    found: Any = getattr(torch._C, name, None)
    try:
        found()
    except TypeError:
        return otherwise
    return found


def _yes() -> bool:
    return True


class _WithoutSetup(torch.autograd.Function):
    """A function that torch.func refuses, as it has no setup_context."""

    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        return x.clone()


def _is_refused() -> bool:
    """Is the call within a transform of torch.func, or perhaps in one that is compiled?"""
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return torch.compiler.is_compiling()
    try:
        _WithoutSetup.apply(torch.zeros(()))
    except RuntimeError:
        return True
    return False


# Is the call within a transform of torch.func, such as vmap?
functorch_active = _known("_are_functorch_transforms_active", _is_refused)

_tracing_state = _known("_get_tracing_state", _yes)
_number_of_modes = _known("_len_torch_dispatch_stack", _yes)


def is_recorded() -> bool:
    """Is torch.jit.trace, make_fx or another mode recording the operators? If unknown, yes: calls are dispatched."""
    return _tracing_state() is not None or _number_of_modes() > 0


def _may_make_dual() -> bool:
    try:
        forward_ad.make_dual(torch.zeros(()), torch.zeros(()))
    except RuntimeError:
        return False
    return True


def _level_is_open() -> bool:
    return forward_ad._current_level >= 0


# Is a level of forward-mode AD open, as in torch.func.jvp? Public torch answers by an error.
under_forward_ad = _level_is_open if isinstance(getattr(forward_ad, "_current_level", None), int) else _may_make_dual

# autograd.Function without what torch.func needs, which costs 4 microseconds a call
SingleLevelFunction = getattr(function, "_SingleLevelFunction", torch.autograd.Function)


def is_compile_error(error: BaseException) -> bool:
    """Is it torch._dynamo.exc.BackendCompilerFailed? By name: its import takes seconds, and no public name has it."""
    return any(kind.__name__ == "BackendCompilerFailed" for kind in type(error).__mro__)
