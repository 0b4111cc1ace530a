"""Trace a model with torch.fx: activations that it calls as functions, and those whose effect in place it needs."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import fx, nn

from rrn.activations.rational import Rational, SharedRational

# Results that share memory with the first argument, besides those of functions that change it, whose names end in "_".
# fmt: off
VIEW_CALLS = (
    "getitem", "view", "view_as", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose", "permute",
    "movedim", "t", "expand", "narrow", "select", "chunk", "split", "unbind", "detach", "contiguous",
)
# fmt: on
VIEW_MODULES = (nn.Flatten, nn.Unflatten, nn.Identity)


@dataclass
class Calls:
    """Calls in the `forward` of a model, by the name of the module that makes them or is called."""

    functional: dict[str, str] = field(default_factory=dict)  # functions named like activations, such as "relu, tanh"
    in_place: set[str] = field(default_factory=set)  # activations whose change of their input is used, not their result
    unsure: set[str] = field(default_factory=set)  # activations that change their input where it is unknown who uses it
    untraceable: str | None = None  # why torch.fx could not trace all of the model


def trace_calls(model: nn.Module, kinds: Sequence[type[nn.Module]]) -> Calls:
    """Trace the `forward` of a model for calls of activations that replacing modules would miss or break.

    The model is traced in its present training or eval mode, and not changed. A module that torch.fx cannot trace is
    traced part by part.

    Args:
        model: any module.
        kinds: classes of activations, such as nn.ReLU; functions count by their names.
    """
    words = {_word(kind.__name__) for kind in kinds}
    names: dict[str, dict[str, None]] = {}
    for name, module in model.named_modules():
        for value in vars(module).values():  # such as `activation` of nn.TransformerEncoderLayer
            if inspect.isroutine(value) and _word(_name(value)) in words:
                names.setdefault(name, {})[_name(value)] = None
    calls = Calls()
    closed = (*kinds, Rational, SharedRational)
    try:
        parts = [("", copy.deepcopy(model, {id(p): p for p in model.parameters()}))]  # tracing runs `forward`
    except Exception as error:
        parts, calls.untraceable = [], _sentence(error)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for path, part in parts:
            if isinstance(part, closed):
                if path and getattr(part, "inplace", False):
                    calls.unsure.add(path)
                continue
            tracer = _Tracer(closed)
            try:
                nodes = list(tracer.trace(part, _defaults(part)).nodes)
            except Exception as error:  # a forward pass may raise anything
                calls.untraceable = calls.untraceable or f"{_sentence(error)} (in {path or 'the model itself'})"
                parts += [(_join(path, key), child) for key, child in part.named_children()]
                continue
            for node in nodes:
                if node.op in ("call_function", "call_method") and _word(_name(node.target)) in words:
                    inner = list(node.meta.get("nn_module_stack", {}))[-1:]
                    names.setdefault(_join(path, *inner), {})[_name(node.target)] = None
                elif _is_in_place(node, part, closed):
                    aliases = _aliases(node, part, closed)
                    later = nodes[nodes.index(node) + 1 :]
                    if not node.users or any(user in later for alias in aliases for user in alias.users):
                        calls.in_place.add(_join(path, str(node.target)))
                    elif path and any(alias.op == "placeholder" for alias in aliases):
                        calls.unsure.add(_join(path, str(node.target)))
    calls.functional = {name: ", ".join(functions) for name, functions in names.items()}
    return calls


def functional_calls(model: nn.Module, kinds: Sequence[type[nn.Module]]) -> tuple[dict[str, str], str | None]:
    """Find calls in `forward` of functions that are named like one of these classes of activations.

    Returns:
        What each module calls, such as "relu", by the name of the module; and why torch.fx could not trace all of the
        model, or None.
    """
    calls = trace_calls(model, kinds)
    return calls.functional, calls.untraceable


def hidden_activations(model: nn.Module, kinds: Sequence[type[nn.Module]]) -> dict[str, str]:
    """Find activations of these classes that a model holds without having them registered as its modules.

    Returns:
        Why each cannot be replaced, by the name of the attribute.
    """
    registered = set(model.modules())
    hidden: dict[str, str] = {}
    for name, module in model.named_modules():
        for key, value in {**vars(type(module)), **vars(module)}.items():
            items = value.values() if isinstance(value, dict) else value
            items = tuple(items) if isinstance(value, dict | list | tuple | set) else (value,)
            inside = [part for item in items if isinstance(item, nn.Module) for part in item.modules()]
            found = {type(part).__name__: None for part in inside if type(part) in kinds and part not in registered}
            if found:
                where = "not registered in the model, as in a list or as an attribute of the class"
                hidden[_join(name, key)] = f"{', '.join(found)}, {where}; use nn.ModuleList, or set it in __init__"
    return hidden


def _is_in_place(node: fx.Node, part: nn.Module, kinds: tuple[type[nn.Module], ...]) -> bool:
    """Return whether this is the call of an activation of these kinds that changes its input."""
    if node.op != "call_module":
        return False
    module = part.get_submodule(str(node.target))
    return isinstance(module, kinds) and bool(getattr(module, "inplace", False)) and isinstance(_first(node), fx.Node)


def _aliases(call: fx.Node, part: nn.Module, kinds: tuple[type[nn.Module], ...]) -> set[fx.Node]:
    """Return the input of this call, and all that shares memory with it other than through the call."""

    def base(node: fx.Node) -> fx.Node | None:
        if node.op == "call_module":
            shares = isinstance(part.get_submodule(str(node.target)), VIEW_MODULES) or _is_in_place(node, part, kinds)
        else:
            name = _name(node.target)
            shares = node.op in ("call_function", "call_method") and (name in VIEW_CALLS or name.endswith("_"))
        first = _first(node)
        return first if shares and isinstance(first, fx.Node) else None

    found: set[fx.Node] = set()
    waiting = [_first(call)]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found.add(node)
            waiting += [base(node), *(user for user in node.users if user is not call and base(user) is node)]
    return found


def _first(node: fx.Node):
    """Return the first argument of a call, or None."""
    return next(iter((*node.args, *node.kwargs.values())), None)


def _join(*parts: str) -> str:
    return ".".join(filter(None, parts))


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
    """Return the name of a function, relu for torch.ops.aten.relu.default; a method is traced as its name."""
    return function if isinstance(function, str) else getattr(function, "__name__", "").partition(".")[0]


def _word(name: str) -> str:
    """Reduce the names of an activation to one word: leakyrelu for leaky_relu, leaky_relu_ and LeakyReLU."""
    return name.replace("_", "").lower()


def _sentence(error: Exception) -> str:
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])
