"""Give any model rational activations: `replace_activations`, and its report.

Modules are found by their type and replaced in place. What a model calls as a function cannot be replaced from
outside; functional_calls.py finds it, and the report names it.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import torch
from torch import nn

from rrn.activations.baselines import CReLU
from rrn.activations.conversion.functional_calls import functional_calls
from rrn.activations.rational import Rational, RecurrentRational
from rrn.activations.sites import PLAIN
from rrn.common.errors import nearest

By = Mapping[type[nn.Module], Callable[[], nn.Module]] | str
WORDS = ("rational", "recurrent_rational")
DECIDED_BY_SITE = {"init", "device", "dtype"}  # options of a rational that its place decides
REPLACEABLE = tuple(kind for kind in PLAIN if kind is not CReLU)  # which doubles the channels


@dataclass(frozen=True)
class Replaced:
    """What `replace_activations` did; its text is a report. The name of the model itself is ""."""

    replaced: dict[str, str]  # name of each place: what happened there, as "ReLU -> Rational(relu)"
    left: dict[str, str]  # name of each activation that stayed: why
    functional: dict[str, str]  # name of each module that calls activations as functions: which
    untraceable: str | None  # why torch.fx could not follow all of the model; `functional` may then lack some
    parameters: tuple[nn.Parameter, ...] = field(repr=False, compare=False)  # the new ones to train
    untrained: tuple[nn.Parameter, ...] = field(repr=False, compare=False)  # those in no optimizer of the model

    def __str__(self) -> str:
        lines = [f"Replaced: {len(self.replaced)} activations.", *_grouped(self.replaced)]
        if self.left:
            lines += ["Left as they were:", *_grouped(self.left)]
        if self.functional:
            lines += ["Not reached, since the model calls them as functions:", *_grouped(self.functional)]
        if self.untraceable:
            lines.append(f"There may be more such calls; torch.fx could not follow the model: {self.untraceable}")
        if self.untrained:
            lines.append(
                f"{len(self.untrained)} new parameters are in no optimizer of the model. If one was made before, give "
                'them to it: optimizer.add_param_group({"params": report.untrained}).'
            )
        return "\n".join(lines)


def _grouped(texts: dict[str, str]) -> list[str]:
    """A line for each different text, with the names it is about."""
    lines: dict[str, list[str]] = {}
    for name, text in texts.items():
        lines.setdefault(text, []).append(name or "the model itself")
    return [f"  {text}: {', '.join(names)}" for text, names in lines.items()]


@dataclass(frozen=True)
class _Spot:
    """One name under which a module is registered."""

    name: str
    parent: nn.Module
    key: str
    module: nn.Module
    before: nn.Parameter | None  # the nearest parameter before it, or else after it


def replace_activations(
    model: nn.Module, by: By, networks: Sequence[str] | None = None, **options: Any
) -> tuple[nn.Module, Replaced]:
    """Replace the activations of a model in place, each by one that starts as what stood there.

    Args:
        model: any module. If it is an activation itself, only the module that comes back is changed.
        by: "rational", a `Rational` at each place (Molina et al. 2020); "recurrent_rational", one set of
            coefficients for all places (Delfosse et al. 2021), which starts as what stood at most of them; or what to
            make for modules of a type, exactly, as in `{nn.ReLU: lambda: Rational("relu")}`.
        networks: names of parts of the model; a recurrent rational is shared within each of them and not
            between them, as in ["q_net", "q_net_target"]. None: the model is one network.
        options: of each rational, as `Rational` has them: degrees=(3, 2), version="B", trainable=False.

    A module that stands at several places is replaced by one module at all of them. The new ones have the training
    flag of the old, and the device and the float type of the parameters before them. An optimizer that is an attribute
    of a module of the model gets the new parameters in the group that has those before them.
    Rationals that are there already stay.

    Returns:
        The model, and what was done.

    Raises:
        ValueError: an argument is none of these, or "recurrent_rational" would tie a network that an optimizer
            of the model trains to one that it does not, such as a target network. The model is then as it was.
    """
    _check(model, by, networks or (), options)
    kinds = REPLACEABLE if isinstance(by, str) else tuple(by)
    everything = list(_walk(model))
    spots = [spot for spot in everything if type(spot.module) in kinds and not _reason(spot.module, by)]
    replaced = {id(spot.module) for spot in spots}
    left = {s.name: r for s in everything if id(s.module) not in replaced and (r := _reason(s.module, by, kinds))}
    functional, untraceable = functional_calls(model, kinds)
    if isinstance(by, Mapping):
        new = _made(spots, by)
    elif by == "rational":
        new = _rationals(spots, options)
    else:
        new = {}
        for part in _parts(spots, networks or ()):
            _one_optimizer(model, part)
            new |= _recurrent(part, options)

    known = {id(p) for p in model.parameters()}
    texts, parameters, places = {}, [], {}
    for spot in spots:
        module, text = new[id(spot.module)]
        texts[spot.name] = f"{type(spot.module).__name__} -> {text}"
        for parameter in module.parameters():
            if parameter.requires_grad and id(parameter) not in known:
                known.add(id(parameter))
                parameters.append(parameter)
                places[id(parameter)] = spot
        spot.parent._modules[spot.key] = module.train(spot.module.training)
        if isinstance(spot.parent, nn.TransformerEncoderLayer):
            spot.parent.activation_relu_or_gelu = 0  # or its fused path would go on with the old one
    if spots and spots[0].name == "":
        model = new[id(model)][0]
    trained = _tell_optimizers(model, places, parameters)
    untrained = tuple(p for p in parameters if id(p) not in trained)
    return model, Replaced(texts, left, functional, untraceable, tuple(parameters), untrained)


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
    """Each name of each module, in the order of the model, the model itself first, without parts of rationals."""
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
    """Why an activation cannot be replaced, or with `kinds` why it was not; None for all other modules."""
    if isinstance(by, str) and isinstance(module, nn.PReLU) and module.weight.numel() > 1:
        return "PReLU with a slope for each channel"
    if isinstance(module, CReLU) and isinstance(by, str):
        return "CReLU, which doubles the channels"
    base = next((kind.__name__ for kind in kinds if isinstance(module, kind)), None)
    return base and f"{type(module).__name__}, which is derived from {base}"


def _made(spots: list[_Spot], by: Mapping) -> dict[int, tuple[nn.Module, str]]:
    """What the factories make for each module, and a word for it."""
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
    """A rational for each module, which starts as it, and a word for it."""
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
    """One recurrent rational and its further places, and a word for it."""
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
    """The spots in each network, and those in none."""
    parts: dict[str | None, list[_Spot]] = {}
    for spot in spots:
        inside = (name for name in networks if f"{spot.name}.".startswith(f"{name}."))
        parts.setdefault(max(inside, key=len, default=None), []).append(spot)
    return list(parts.values())


def _one_optimizer(model: nn.Module, spots: list[_Spot]) -> None:
    held = {id(p) for optimizer in _optimizers(model) for p in _held(optimizer)}
    trained = {spot.name: id(spot.before) in held for spot in spots}
    if held and len(set(trained.values())) > 1:
        yes, no = (next(name for name in trained if trained[name] is is_trained) for is_trained in (True, False))
        raise ValueError(
            f"by: one recurrent rational for all places would tie {no} to {yes}, which has an optimizer, while {no} "
            'has none, as in a target network; name the networks, such as networks=["q_net", "q_net_target"].'
        )


def _start(module: nn.Module) -> tuple[str, str | Callable]:
    """A word for what a rational starts from in place of this activation, and the `init`."""
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
    """Each optimizer that is an attribute of a module of the model."""
    found = (value for module in model.modules() for value in vars(module).values())
    return list({id(value): value for value in found if isinstance(value, torch.optim.Optimizer)}.values())


def _held(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def _tell_optimizers(model: nn.Module, places: dict[int, _Spot], parameters: list[nn.Parameter]) -> set[int]:
    """Give each optimizer the new parameters where it trains those before them; all that some optimizer has.

    They join the group of those before them, with its learning rate and schedule.
    """
    names = {id(p): name for name, p in model.named_parameters()}
    trained: set[int] = set()
    for group in (group for optimizer in _optimizers(model) for group in optimizer.param_groups):
        held = {id(p) for p in group["params"]}
        fresh = [p for p in parameters if id(places[id(p)].before) in held]
        group["params"] += fresh
        if "param_names" in group:
            group["param_names"] += [names[id(p)] for p in fresh]
        trained |= {id(p) for p in fresh}
    return trained
