"""Replace the activations of any model by rationals: `replace_activations`, and its report.

Modules are found by their class and replaced in place. Functions that a model calls cannot be replaced from outside,
nor activations whose results it drops; functional_calls.py finds them, and the report names them.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from torch import nn

from rrn.activations.baselines import CReLU
from rrn.activations.conversion.functional_calls import hidden_activations, trace_calls
from rrn.activations.conversion.report import Replaced
from rrn.activations.rational import Rational, RecurrentRational
from rrn.activations.sites import PLAIN
from rrn.common.errors import nearest

By = Mapping[type[nn.Module], Callable[[], nn.Module]] | str
WORDS = ("rational", "recurrent_rational")
DECIDED_BY_SITE = {"init", "device", "dtype"}  # options of a rational that its site decides
REPLACEABLE = tuple(kind for kind in PLAIN if kind is not CReLU)  # CReLU doubles the channels


@dataclass(frozen=True)
class _Spot:
    """Name under which a module is registered in its parent."""

    name: str
    parent: nn.Module
    key: str
    module: nn.Module
    before: nn.Parameter | None  # the nearest parameter before it, or else after it


def replace_activations(
    model: nn.Module, by: By, networks: Sequence[str] | None = None, **options: Any
) -> tuple[nn.Module, Replaced]:
    """Replace the activations of a model in place, each by one that starts as the same function.

    Args:
        model: any module. If it is an activation itself, the replacement is only in the returned module.
        by: "rational", a `Rational` at each activation site (Molina et al. 2020); "recurrent_rational", one set of
            coefficients for all sites (Delfosse et al. 2021), which starts as the function at most of them; or a
            factory for each class, for modules of exactly that class: `{nn.ReLU: lambda: Rational("relu")}`.
        networks: names of parts of the model; a recurrent rational is shared within each of them and not
            between them, as in ["q_net", "q_net_target"]. None: the model is one network.
        options: arguments of each `Rational`, such as degrees=(3, 2), version="B" or trainable=False.

    A module that is registered under several names is replaced by one module under all of them. A new module has the
    training flag of the old one, and the device and dtype of the nearest parameters before it. An optimizer that is an
    attribute of a module of the model gets the new parameters, in the parameter group of those before them. Rationals
    in the model stay.

    Returns:
        The model, and the report.

    Raises:
        ValueError: an invalid argument, or "recurrent_rational" would share weights between a network that an
            optimizer of the model trains and one that it does not, such as a target network. The model is not changed
            then.
    """
    _check(model, by, networks or (), options)
    kinds = REPLACEABLE if isinstance(by, str) else tuple(by)
    everything = list(_walk(model))
    calls = trace_calls(model, kinds)
    in_place = {id(spot.module) for spot in everything if spot.name in calls.in_place}
    spots = [spot for spot in everything if type(spot.module) in kinds and not _reason(spot.module, by)]
    new = _made(spots, by) if isinstance(by, Mapping) else {}
    also_in_place = {key for key, (module, _) in new.items() if getattr(module, "inplace", False)}
    spots = [spot for spot in spots if id(spot.module) not in in_place - also_in_place]
    replaced = {id(spot.module) for spot in spots}
    left = {s.name: r for s in everything if id(s.module) not in replaced and (r := _reason(s.module, by, kinds))}
    left |= hidden_activations(model, kinds)
    if by == "rational":
        new = _rationals(spots, options)
    elif by == "recurrent_rational":
        for part in _parts(spots, networks or ()):
            _one_optimizer(model, part)
            new |= _recurrent(part, options)

    known = {id(p) for p in model.parameters()}
    texts, parameters, spot_of = {}, [], {}
    for spot in spots:
        module, text = new[id(spot.module)]
        texts[spot.name] = f"{type(spot.module).__name__} -> {text}"
        for parameter in module.parameters():
            if parameter.requires_grad and id(parameter) not in known:
                known.add(id(parameter))
                parameters.append(parameter)
                spot_of[id(parameter)] = spot
        spot.parent._modules[spot.key] = module.train(spot.module.training)
        if isinstance(spot.parent, nn.TransformerEncoderLayer):
            spot.parent.activation_relu_or_gelu = 0  # else its fused path would go on with the old activation
    if spots and spots[0].name == "":
        model = new[id(model)][0]
    trained = _add_to_optimizers(model, spot_of, parameters)
    untrained = tuple(p for p in parameters if id(p) not in trained)
    unsure = tuple(name for name in texts if name in calls.unsure)
    return model, Replaced(texts, left, calls.functional, calls.untraceable, tuple(parameters), untrained, unsure)


def _check(model: nn.Module, by: By, networks: Sequence[str], options: dict[str, Any]) -> None:
    if not isinstance(model, nn.Module):
        raise ValueError(f"model: expected a torch.nn.Module, got {type(model).__name__}; pass the network itself.")
    mapping = isinstance(by, Mapping) and all(
        isinstance(kind, type) and issubclass(kind, nn.Module) and callable(make) and not isinstance(make, nn.Module)
        for kind, make in by.items()
    )
    if not by or not (mapping or by in WORDS):
        raise ValueError(
            "by: expected rational, recurrent_rational, or what to make for each type of module, such as "
            f"{{nn.ReLU: lambda: Rational('relu')}}; got {by!r}."
        )
    names = {name for name, _ in model.named_modules()}
    if isinstance(networks, str) or not names.issuperset(networks):
        raise ValueError(f"networks: expected names of parts of the model, such as ['q_net'], got {networks!r}.")
    known = signature(Rational).parameters.keys() - DECIDED_BY_SITE if isinstance(by, str) else set()
    for name in options.keys() - known:
        raise ValueError(
            f"{name}: expected an option of the rationals that `by` names. {nearest(name, known, '')}".strip()
        )


def _walk(model: nn.Module) -> Iterator[_Spot]:
    """Yield each name of each module, in the order of the model, itself first, without the parts of rationals."""
    before = next((p for p in model.parameters() if _floating(p)), None)
    seen: set[int] = set()

    def walk(name: str, parent: nn.Module, key: str, module: nn.Module) -> Iterator[_Spot]:
        nonlocal before
        own = next((p for p in module.parameters(recurse=False) if _floating(p)), None)
        before = before if own is None else own
        yield _Spot(name, parent, key, module, before)
        if id(module) in seen or isinstance(module, Rational | nn.utils.parametrize.ParametrizationList):
            return
        seen.add(id(module))
        for child_key, child in module._modules.items():  # named_children() leaves out a second name
            if child is not None:
                yield from walk(f"{name}.{child_key}".lstrip("."), module, child_key, child)

    yield from walk("", nn.Module(), "model", model)


def _floating(parameter: nn.Parameter) -> bool:
    return parameter.is_floating_point() and parameter.dtype.itemsize > 1  # eight bits are too few to learn with


def _reason(module: nn.Module, by: By, kinds: tuple[type[nn.Module], ...] = ()) -> str | None:
    """Return why an activation cannot be replaced, or with `kinds` why it was not; None for all other modules."""
    if isinstance(by, str) and isinstance(module, nn.PReLU) and module.weight.numel() > 1:
        return "PReLU with a slope for each channel"
    if isinstance(module, CReLU) and isinstance(by, str):
        return "CReLU, which doubles the channels"
    name = type(module).__name__
    if type(module) in kinds:
        return f"{name}(inplace=True), whose change of its input is used; write x = act(x), and use only that x"
    if isinstance(module, torch.jit.ScriptModule) and module.original_name in {kind.__name__ for kind in kinds}:
        return f"{module.original_name} in a model that torch.jit compiled; replace activations before that"
    base = next((kind.__name__ for kind in kinds if isinstance(module, kind)), None)
    return base and f"{name}, which is derived from {base}"


def _made(spots: list[_Spot], by: Mapping) -> dict[int, tuple[nn.Module, str]]:
    """Call the factories: for the id of each module, its replacement and the name for the report."""
    new: dict[int, tuple[nn.Module, str]] = {}
    for spot in spots:
        if id(spot.module) not in new:
            module, kind = by[type(spot.module)](), type(spot.module).__name__
            if not isinstance(module, nn.Module):
                raise ValueError(f"by: expected a function that makes a module for {kind}, it made {module!r}.")
            init = f"({module.init})" if isinstance(module, Rational) else ""
            new[id(spot.module)] = module.to(**_options(spot)), f"{type(module).__name__}{init}"
    return new


def _rationals(spots: list[_Spot], options: dict[str, Any]) -> dict[int, tuple[nn.Module, str]]:
    """Make a rational for each module, which starts as the same function; the result is that of `_made`."""
    new: dict[int, tuple[nn.Module, str]] = {}
    fitted: dict[str, Rational] = {}  # each function once, since a fit takes a second
    for spot in spots:
        if id(spot.module) not in new:
            word, init = _start(spot.module)
            if word not in fitted:
                fitted[word] = Rational(init, dtype=torch.float64, **options)
            new[id(spot.module)] = copy.deepcopy(fitted[word]).to(**_options(spot)), f"Rational({word})"
    return new


def _recurrent(spots: list[_Spot], options: dict[str, Any]) -> dict[int, tuple[nn.Module, str]]:
    """Make one recurrent rational and its further sites; the result is that of `_made`."""
    starts = [_start(spot.module) for spot in {id(spot.module): spot for spot in spots}.values()]
    word, _ = Counter(word for word, _ in starts).most_common(1)[0]
    owner = RecurrentRational(dict(starts)[word], dtype=torch.float64, **options).to(**_options(spots[0]))
    new: dict[int, tuple[nn.Module, str]] = {}
    for spot in spots:
        if id(spot.module) not in new:
            where = spots[0].name or "itself"
            new[id(spot.module)] = (
                (owner.again(), f"RecurrentRational of {where}") if new else (owner, f"RecurrentRational({word})")
            )
    return new


def _parts(spots: list[_Spot], networks: Sequence[str]) -> list[list[_Spot]]:
    """Group the spots by network; those in none are one group."""
    parts: dict[str | None, list[_Spot]] = {}
    for spot in spots:
        inside = (name for name in networks if f"{spot.name}.".startswith(f"{name}."))
        parts.setdefault(max(inside, key=len, default=None), []).append(spot)
    return list(parts.values())


def _one_optimizer(model: nn.Module, spots: list[_Spot]) -> None:
    """Raise ValueError if the optimizers of the model train some of the spots and not others."""
    held = {id(p) for optimizer in _optimizers(model) for p in _held(optimizer)}
    trained = {spot.name: id(spot.before) in held for spot in spots}
    if held and len(set(trained.values())) > 1:
        yes, no = (next(name for name in trained if trained[name] is is_trained) for is_trained in (True, False))
        raise ValueError(
            f"by: one recurrent rational for all sites would tie {no} to {yes}, which has an optimizer, while {no} "
            'has none, as in a target network; name the networks, such as networks=["q_net", "q_net_target"].'
        )


def _start(module: nn.Module) -> tuple[str, str | Callable]:
    """Return the `init` of a rational that starts as this activation, after a name of it for the report."""
    name = {nn.ReLU: "relu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid", nn.SiLU: "silu"}.get(type(module))
    if type(module) is nn.LeakyReLU:
        name = {0.01: "leaky_relu", 0.1: "leaky_relu_0.1"}.get(module.negative_slope)
    if type(module) is nn.GELU and module.approximate == "none":
        name = "gelu"
    if name:
        return name, name
    twin = copy.deepcopy(module).double().cpu().eval()
    values = [f"{key}={p.item():.6g}" for key, p in twin.named_parameters()]
    text = f"{type(module).__name__}({', '.join(values)})" if values else repr(module)
    return text, twin.forward  # not the module, which may have hooks


def _options(spot: _Spot) -> dict:
    return {} if spot.before is None else {"device": spot.before.device, "dtype": spot.before.dtype}


def _optimizers(model: nn.Module) -> list[torch.optim.Optimizer]:
    """Return each optimizer that is an attribute of a module of the model."""
    attributes = (value for module in model.modules() for value in vars(module).values())
    return list({id(value): value for value in attributes if isinstance(value, torch.optim.Optimizer)}.values())


def _held(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def _add_to_optimizers(model: nn.Module, spot_of: dict[int, _Spot], parameters: list[nn.Parameter]) -> set[int]:
    """Add each new parameter to the parameter group of those before its spot, and return the ids of those added."""
    names = {id(p): name for name, p in model.named_parameters()}
    trained: set[int] = set()
    for group in (group for optimizer in _optimizers(model) for group in optimizer.param_groups):
        held = {id(p) for p in group["params"]}
        fresh = [p for p in parameters if id(spot_of[id(p)].before) in held]
        group["params"] += fresh
        if "param_names" in group:
            group["param_names"] += [names[id(p)] for p in fresh]
        trained |= {id(p) for p in fresh}
    return trained
