"""Read what older software left: checkpoints of `rational_activations`, and tables of learned coefficients."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor, nn

from rrn.activations.affine_and_chain import AffineRational
from rrn.activations.rational import Rational, SharedRational, coefficients_of

COEFFICIENTS = ("numerator", "denominator")
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.LayerNorm, nn.GroupNorm)
WITH_BIAS = (nn.Linear, *CONVOLUTIONS, *NORMS)  # the bias is added last
PASSING = (nn.Flatten, nn.Unflatten, nn.Identity)  # between such a layer and a place they change nothing
TABLE_COLUMNS = ("set", "game", "activation", "seed", "layer", "version", "center")


def load_old_state_dict(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load a state_dict made with `rational_activations` into a model with this project's modules.

    There, `numerator` is [n + 1] and `denominator` [m], at a place of a RecurrentRational they are those of
    `rational`, and a rational that stands at several places appears once for each. Networks of 2020 have a trained
    `center` too, R(x + center): it is added to the bias of the layer that is right before the place, in the order of
    the model.

    Args:
        model: of the same layers, with a `Rational` of the same degrees and version, or a place of a
            `RecurrentRational`, under the name of each.
        state: as from `torch.load(path, weights_only=True)`.

    Raises:
        ValueError: names or shapes that do not fit, places of one rational with different coefficients, or a
            `center` without a layer that can take it. The model is then as it was.
    """
    new = dict(state)
    modules = model.named_modules(remove_duplicate=False)
    places = {name: module for name, module in modules if isinstance(module, Rational | SharedRational)}
    names: dict[nn.Module, str] = {module: name for name, module in reversed(places.items())}  # the first of each
    strays = [name for name, module in places.items() if coefficients_of(module) not in names]
    if strays:
        raise ValueError(f"{strays[0]}: its RecurrentRational is not in the model; put it at the first place.")
    owners = {name: names[coefficients_of(module)] for name, module in places.items()}
    rows: dict[str, Tensor] = {}
    for name, owner in owners.items():
        for key in (*COEFFICIENTS, "center"):
            row = new.pop(_join(name, key), None)
            row = new.pop(_join(name, "rational", key), row)
            if row is not None and not torch.equal(rows.setdefault(_join(owner, key), row), row):
                raise ValueError(f"{name}: expected the {key} of {owner}, since it is a place of it; got others.")
    for name, owner in owners.items():
        center = rows.get(_join(owner, "center"))
        if center is not None:
            bias = _bias_before(model, name)
            if bias not in new:
                raise ValueError(f"{bias}: expected it in the state, to add the center of {name} to it.")
            new[bias] = new[bias] + center
    for name, module in places.items():
        if isinstance(module, Rational):
            found = {key: rows.get(_join(owners[name], key)) for key in COEFFICIENTS}
            new |= {_join(name, key): row.reshape(1, -1) for key, row in found.items() if row is not None}
            new[_join(name, "_extra_state")] = module.get_extra_state()
    shapes, expected = ({key: tuple(value.shape) for key, value in s.items()} for s in (new, model.state_dict()))
    for key in {**expected, **shapes}:
        if shapes.get(key) != expected.get(key):
            here, there = (f"{s[key]}" if key in s else "none" for s in (expected, shapes))
            raise ValueError(f"{key}: the model has {here}, the state {there}; build the model that was saved.")
    model.load_state_dict(new)


def _join(*parts: str) -> str:
    return ".".join(filter(None, parts))


def _bias_before(model: nn.Module, place: str) -> str:
    """Name of the bias of the layer right before this place."""
    before, found = None, "nothing is before it"
    for name, module in model.named_modules():
        if name == place:
            break
        if not list(module.children()) and not isinstance(module, PASSING):
            before, found = module, f"{name} is {module}"
            bias = f"{name}.bias"
    if not isinstance(before, WITH_BIAS) or before.bias is None:
        raise ValueError(
            f"{place}: its center can only be added to the bias of a layer right before it, but {found}. "
            "Put an AffineRational there and set its input_shift to the center."
        )
    return bias


@dataclass(frozen=True)
class LearnedActivation:
    """A row of a table of learned coefficients; `layer` counts from 1, or is "all" for a recurrent rational."""

    set: str
    game: str
    activation: str
    seed: int
    layer: str
    module: Rational  # frozen; R(x + center) where there is a center


def read_learned_activations(path: str | PathLike) -> list[LearnedActivation]:
    """The rationals of a CSV file with columns set, game, activation, seed, layer, version, center, a0... and b1....

    An empty center is 0; empty coefficients at the end of a row lower its degrees.

    Raises:
        ValueError: no such file, missing columns, or what is no number, with the line.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: expected a CSV file of learned activations, there is none.")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in TABLE_COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{path}: expected the columns {', '.join(TABLE_COLUMNS)}; missing: {', '.join(missing)}.")
        try:
            return [_learned(row) for row in reader]
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}, line {reader.line_num}: {error}") from error


def _coefficients(row: dict[str, str], letter: str) -> list[float]:
    """Those in the columns of this letter, lowest power first; those that are empty at the end are left out."""
    powers = sorted(int(key[1:]) for key in row if key and key[0] == letter and key[1:].isdigit())
    filled = [power for power in powers if row[f"{letter}{power}"]]
    gap = next((power for power in powers if power < max(filled, default=0) and power not in filled), None)
    if gap is not None:
        raise ValueError(f"{letter}{gap} is empty, but a later coefficient is not.")
    return [float(row[f"{letter}{power}"]) for power in filled]


def _learned(row: dict[str, str]) -> LearnedActivation:
    numerator, denominator = (_coefficients(row, letter) for letter in "ab")
    degrees = len(numerator) - 1, len(denominator) - (row["version"] == "C")
    kind = AffineRational if row["center"] else Rational
    module = kind((numerator, denominator), degrees, row["version"]).freeze()
    if row["center"]:
        module.input_shift.fill_(float(row["center"]))
    return LearnedActivation(
        row[TABLE_COLUMNS[0]], row[TABLE_COLUMNS[1]], row[TABLE_COLUMNS[2]], int(row["seed"]), row["layer"], module
    )
