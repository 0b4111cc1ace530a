"""The activations of a model at one moment, to follow them over time: `snapshot`, files of them, and `Snapshot.shapes`.

A file of snapshots has one line of JSON for each.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from torch import nn

from rrn.activations.baselines import PELU
from rrn.activations.inspection.histogram import Histogram
from rrn.activations.inspection.plot import RANGE, Shape, values
from rrn.activations.rational import Rational, RecurrentRational, coefficients_of, poles
from rrn.activations.sites import named_activations
from rrn.common.files import read_packed
from rrn.common.renamed import renamed, renamed_method

SNAPSHOT_FILE = "shapes.jsonl"  # in the folder of a run
SNAPSHOT_POINTS = 401

__getattr__ = renamed(__name__, {"PlaceSnapshot": "rrn.activations.inspection.snapshots:SiteSnapshot"})


@dataclass(frozen=True)
class SiteSnapshot:
    """The activation at one place: a rational by its coefficients, any other one by its values.

    One with linear tails, an affine one or a chain counts as another one.
    """

    kind: str  # name of its class
    inputs: Histogram | None
    version: str | None = None  # of a rational
    numerator: list[list[float]] | None = None  # [groups, n + 1]
    denominator: list[list[float]] | None = None  # [groups, m], or [groups, m + 1] for version C
    x: tuple[float, float] | None = None  # of other activations: first and last of evenly spaced points
    y: list[list[float]] | None = None  # [lines, K], there
    parameters: dict[str, float] | None = None  # of a PELU, besides its values; None in older files too

    def rational(self) -> Rational | None:
        """A rational with these coefficients, its groups along axis 1; None if it was none, or one of another form."""
        if self.version is None:
            return None
        m = len(self.denominator[0]) - (self.version == "C")
        pair = self.numerator[0], self.denominator[0]
        module = Rational(pair, (len(self.numerator[0]) - 1, m), self.version, groups=len(self.numerator))
        module.numerator.data = torch.tensor(self.numerator)
        module.denominator.data = torch.tensor(self.denominator)
        return module

    def to_module(self) -> nn.Module | None:
        """The activation again if it is one that learns, a rational or a PELU; None for any other."""
        if self.parameters is None:
            return self.rational()
        module = PELU()
        for name, parameter in module.named_parameters():
            parameter.data.fill_(self.parameters[name])
        return module

    learned = renamed_method("learned", "to_module")

    def shape(self, name: str) -> Shape:
        """What to draw of it."""
        if self.y is not None:
            y = np.array(self.y).T
            return Shape(name, np.linspace(*self.x, len(y)), y, self.inputs)
        module = self.rational()
        low, high = _range(self.inputs)
        x = np.linspace(low, high, SNAPSHOT_POINTS)
        return Shape(name, x, values(module, x), self.inputs, poles(module))


@dataclass(frozen=True)
class Snapshot:
    """All activations of a model after `step` steps, by name of their place."""

    step: int
    places: dict[str, SiteSnapshot]

    def shapes(self) -> list[Shape]:
        """What to draw, a panel for each place."""
        return [place.shape(name or place.kind) for name, place in self.places.items()]

    def to_json(self) -> str:
        """One line; coefficients with the 9 digits that a float32 has."""
        rows = {}
        for name, place in self.places.items():
            row = {key: value for key, value in vars(place).items() if value is not None}
            rows[name] = row | ({"inputs": place.inputs.state_dict()} if place.inputs else {})
        return json.dumps({"step": int(self.step), "places": rows})

    @classmethod
    def from_json(cls, line: str) -> Snapshot:
        """The snapshot that `to_json` wrote."""
        read = json.loads(line)
        rows = read["places"].items()
        return cls(
            read["step"],
            {name: SiteSnapshot(**{"inputs": None, **row, **_read_inputs(row)}) for name, row in rows},
        )


def snapshot(model: nn.Module, step: int = 0, inputs: dict[str, Histogram] | None = None) -> Snapshot:
    """The activations of a model as they are now.

    Args:
        model: with activations in it, or one activation.
        step: of training.
        inputs: histograms as from `rrn.record_inputs`; None: those that it left on the modules.

    Raises:
        ValueError: no activation in the model.
    """
    found = {}
    for name, module in named_activations(model):
        histogram = getattr(module, "recorded_inputs", None) if inputs is None else inputs.get(name)
        histogram = copy.deepcopy(histogram)  # it may go on counting
        owner = coefficients_of(module)
        kind = type(owner).__name__
        if type(owner) in (Rational, RecurrentRational) and owner.tail_range is None:
            rows = (_rounded(coefficients.detach()) for coefficients in (owner.numerator, owner.denominator))
            found[name] = SiteSnapshot(kind, histogram, owner.version, *rows)  # type: ignore[arg-type]
        else:
            low, high = _range(histogram)
            y = values(module, np.linspace(low, high, SNAPSHOT_POINTS)).T
            learned = None
            if isinstance(owner, PELU):
                learned = {key: float(f"{p.item():.9g}") for key, p in owner.named_parameters()}
            found[name] = SiteSnapshot(
                kind, histogram, x=(low, high), y=_rounded(torch.from_numpy(y)), parameters=learned
            )
    if not found:
        raise ValueError("expected an activation or a model with activation modules in it; it has none.")
    return Snapshot(step, found)


def read_snapshots(path: str | PathLike) -> list[Snapshot]:
    """The snapshots in a file or in the folder of a run, in their order; half a line at the end is left out.

    Raises:
        ValueError: there are none, or a line is damaged.
    """
    path = Path(path) / SNAPSHOT_FILE if Path(path).is_dir() else Path(path)
    lines = read_packed(path).decode("utf-8").splitlines(keepends=True)
    found = []
    for number, line in enumerate((line for line in lines if line.endswith("\n")), 1):
        try:
            found.append(Snapshot.from_json(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}, line {number}: expected a snapshot; it is damaged ({error}).") from error
    if not found:
        raise ValueError(f"{path}: no snapshots are here; a run writes one at each evaluation.")
    return found


def _range(histogram: Histogram | None) -> tuple[float, float]:
    """Where to evaluate: as far as the histogram goes, so that any later picture of it has a curve."""
    return histogram.range if histogram is not None and histogram.range is not None else RANGE


def _rounded(rows: torch.Tensor) -> list[list[float]]:
    return [[float(f"{value:.9g}") for value in row] for row in rows.double().tolist()]


def _read_inputs(row: dict) -> dict:
    return {"inputs": Histogram.from_state_dict(row["inputs"])} if "inputs" in row else {}
