"""Load files of older software: checkpoints of `rational_activations`, and tables of learned coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike

import torch
from torch import Tensor, nn

from rrn.activations.affine_and_chain import AffineRational
from rrn.activations.conversion.learned_table import TableRow, read_table
from rrn.activations.rational import Rational, SharedRational, coefficients_of
from rrn.frameworks.coefficients import form_of

COEFFICIENTS = ("numerator", "denominator")
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.LayerNorm, nn.GroupNorm)
WITH_BIAS = (nn.Linear, *CONVOLUTIONS, *NORMS)  # the bias is added last
PASSING = (nn.Flatten, nn.Unflatten, nn.Identity)  # they pass on values, between such a layer and an activation


def load_old_state_dict(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load a state_dict made with `rational_activations` into a model with this project's modules.

    In such a state, `numerator` is [n + 1] and `denominator` [m]. A site of a RecurrentRational has them under
    `rational`, and a shared rational appears once for each site. Networks of 2020 also have a trained `center`,
    R(x + center): it is added to the bias of the layer right before the site, in the order of the model.

    Args:
        model: a model with the same layers and, under the same names, a `Rational` of the same degrees and version or
            a site of a `RecurrentRational`.
        state: the state, as from `torch.load(path, weights_only=True)`.

    Raises:
        ValueError: names or shapes that do not fit, sites of one rational with different coefficients, or a `center`
            without a layer that can take it. The model is not changed then.
    """
    new = dict(state)
    modules = model.named_modules(remove_duplicate=False)
    sites = {name: module for name, module in modules if isinstance(module, Rational | SharedRational)}
    names: dict[nn.Module, str] = {module: name for name, module in reversed(sites.items())}  # the first of each
    strays = [name for name, module in sites.items() if coefficients_of(module) not in names]
    if strays:
        raise ValueError(f"{strays[0]}: its RecurrentRational is not in the model; put it at the first site.")
    owners = {name: names[coefficients_of(module)] for name, module in sites.items()}
    rows: dict[str, Tensor] = {}
    for name, owner in owners.items():
        for key in (*COEFFICIENTS, "center"):
            row = new.pop(_join(name, key), None)
            row = new.pop(_join(name, "rational", key), row)
            if row is not None and not torch.equal(rows.setdefault(_join(owner, key), row), row):
                raise ValueError(f"{name}: expected the {key} of {owner}, since it is a site of it; got others.")
    for name, owner in owners.items():
        center = rows.get(_join(owner, "center"))
        if center is not None:
            bias = _bias_before(model, name)
            if bias not in new:
                raise ValueError(f"{bias}: expected it in the state, to add the center of {name} to it.")
            new[bias] = new[bias] + center
    for name, module in sites.items():
        if isinstance(module, Rational):
            coefficients = {key: rows.get(_join(owners[name], key)) for key in COEFFICIENTS}
            new |= {_join(name, key): row.reshape(1, -1) for key, row in coefficients.items() if row is not None}
            new[_join(name, "_extra_state")] = module.get_extra_state()
    shapes, expected = ({key: tuple(value.shape) for key, value in s.items()} for s in (new, model.state_dict()))
    for key in {**expected, **shapes}:
        if shapes.get(key) != expected.get(key):
            here, there = (f"{s[key]}" if key in s else "none" for s in (expected, shapes))
            raise ValueError(f"{key}: the model has {here}, the state {there}; build the model that was saved.")
    model.load_state_dict(new)


def _join(*parts: str) -> str:
    return ".".join(filter(None, parts))


def _bias_before(model: nn.Module, site: str) -> str:
    """Return the name of the bias of the layer right before this activation site.

    Raises:
        ValueError: there is no layer whose bias is added last.
    """
    before, description = None, "nothing is before it"
    for name, module in model.named_modules():
        if name == site:
            break
        if not list(module.children()) and not isinstance(module, PASSING):
            before, description = module, f"{name} is {module}"
            bias = f"{name}.bias"
    if not isinstance(before, WITH_BIAS) or before.bias is None:
        raise ValueError(
            f"{site}: its center can only be added to the bias of a layer right before it, but {description}. "
            "Put an AffineRational there and set its input_shift to the center."
        )
    return bias


@dataclass(frozen=True)
class LearnedActivation:
    """Row of a table of learned coefficients; `layer` counts from 1, or is "all" for a recurrent rational."""

    set: str
    game: str
    activation: str
    seed: int
    layer: str
    module: Rational  # frozen; R(x + center) where there is a center


def read_learned_activations(path: str | PathLike) -> list[LearnedActivation]:
    """Read the rationals of a CSV file of learned coefficients, as modules; without torch: `rrn.convert.read_table`.

    The columns are set, game, activation, seed, layer, version, center, a0... and b1... (version C: b0...). An empty
    center is 0; empty coefficients at the end of a row lower its degrees.

    Raises:
        ValueError: no such file, missing columns, or a value that is not a number, with its line.
    """
    return [
        LearnedActivation(row.set, row.game, row.activation, row.seed, row.layer, _module(row))
        for row in read_table(path)
    ]


def _module(row: TableRow) -> Rational:
    given, form = row.rational, form_of(row.rational)
    kind = Rational if row.center is None else AffineRational
    module = kind((given["numerator"], given["denominator"]), form.degrees, form.version).freeze()
    if row.center is not None:
        module.input_shift.fill_(row.center)
        module.keep_start()
    return module
