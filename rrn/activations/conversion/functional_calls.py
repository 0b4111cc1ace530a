"""Find activations that a model calls as functions, such as torch.relu(x), by tracing it with torch.fx."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence

import torch
from torch import fx, nn

from rrn.activations.rational import Rational, SharedRational


def functional_calls(model: nn.Module, kinds: Sequence[type[nn.Module]]) -> tuple[dict[str, str], str | None]:
    """Find calls in `forward` of functions that are named like one of these classes of activations.

    The model is traced in its present training or eval mode, and not changed. A module that torch.fx cannot trace is
    traced part by part.

    Args:
        model: any module.
        kinds: classes of activations, such as nn.ReLU.

    Returns:
        What each module calls, such as "relu", by the name of the module; and why torch.fx could not trace all of the
        model, or None.
    """
    words = {_word(kind.__name__) for kind in kinds}
    calls: dict[str, dict[str, None]] = {}
    for name, module in model.named_modules():
        for value in vars(module).values():  # such as `activation` of nn.TransformerEncoderLayer
            if inspect.isroutine(value) and _word(_name(value)) in words:
                calls.setdefault(name, {})[_name(value)] = None
    trouble = None
    closed = (*kinds, Rational, SharedRational)
    try:
        parts = [("", copy.deepcopy(model, {id(p): p for p in model.parameters()}))]  # tracing runs `forward`
    except Exception as error:
        parts, trouble = [], _sentence(error)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for path, part in parts:
            if isinstance(part, closed):
                continue
            tracer = _Tracer(closed)
            try:
                nodes = tracer.trace(part, _defaults(part)).nodes
            except Exception as error:  # a forward pass may raise anything
                trouble = trouble or f"{_sentence(error)} (in {path or 'the model itself'})"
                parts += [(f"{path}.{key}".lstrip("."), child) for key, child in part.named_children()]
                continue
            for node in nodes:
                if node.op in ("call_function", "call_method") and _word(_name(node.target)) in words:
                    inner = list(node.meta.get("nn_module_stack", {}))[-1:]
                    calls.setdefault(".".join(filter(None, (path, *inner))), {})[_name(node.target)] = None
    return {name: ", ".join(functions) for name, functions in calls.items()}, trouble


class _Tracer(fx.Tracer):
    """Tracer that records activations, and modules of torch.nn, as single calls."""

    def __init__(self, closed: tuple[type[nn.Module], ...]):
        super().__init__()
        self.closed = closed

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        return isinstance(module, self.closed) or super().is_leaf_module(module, qualified_name)


def _defaults(module: nn.Module) -> dict:
    """Return the arguments of `forward` that have a default, by name, with the default."""
    arguments = inspect.signature(module.forward).parameters.values()
    return {a.name: a.default for a in arguments if a.default is not inspect.Parameter.empty}


def _name(function) -> str:
    """Return the name of a function; a method is traced as its name."""
    return function if isinstance(function, str) else getattr(function, "__name__", "")


def _word(name: str) -> str:
    """Reduce the names of an activation to one word: leakyrelu for leaky_relu, leaky_relu_ and LeakyReLU."""
    return name.replace("_", "").lower()


def _sentence(error: Exception) -> str:
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])
