"""Private names of torch that rrn uses, what for, and what replaces them in a torch that lacks them.

Asking torch for its state costs eager code a tenth of the time of its dispatcher. Where torch cannot be asked, the
answer leads to a slower path with the same value (see operator.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import forward_ad, function


def _known(name: str, otherwise: Callable[[], Any]) -> Callable[[], Any]:
    """Return torch._C.name, or `otherwise` if it is gone or takes arguments."""
    predicate: Any = getattr(torch._C, name, None)
    try:
        predicate()
    except TypeError:
        return otherwise
    return predicate


def _yes() -> bool:
    return True


class _WithoutSetup(torch.autograd.Function):
    """Function that torch.func rejects, since it has no setup_context."""

    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        return x.clone()


def _is_refused() -> bool:
    """Return whether the call is within a transform of torch.func; True when compiling, where it is unknown."""
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
    """Return whether torch.jit.trace, make_fx or another mode records operators; True if unknown, to dispatch calls."""
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


class SingleLevelFunction(getattr(function, "_SingleLevelFunction", function.Function)):  # type: ignore[misc]
    """Base class like autograd.Function without what torch.func needs, which costs 4 microseconds a call."""

    generate_vmap_rule = False  # compiled autograd reads this and the next of every function
    _compiled_autograd_key = staticmethod(getattr(function.Function, "_compiled_autograd_key", lambda ctx: ()))


def is_compile_error(error: BaseException) -> bool:
    """Return whether this is torch._dynamo.exc.BackendCompilerFailed, by its name: importing it takes seconds."""
    return any(kind.__name__ == "BackendCompilerFailed" for kind in type(error).__mro__)


def refuse_script(module: torch.nn.Module) -> torch.nn.Module:
    """Raise ValueError; torch.jit.script calls a module's __prepare_scriptable__ before it compiles the module."""
    raise ValueError(
        "torch.jit.script cannot compile a rational; use torch.jit.trace(model, example), or "
        "torch.export.export(model, (example,))."
    )
