"""Record the activations of a model at a step of training: `snapshot`, and files of snapshots, a line of JSON each."""

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
from rrn.activations.inspection.snapshot_checks import check_snapshot
from rrn.activations.rational import Rational, RecurrentRational, coefficients_of, poles
from rrn.activations.sites import named_activations
from rrn.common.errors import first_line
from rrn.common.foreign_files import read_packed
from rrn.common.printable import printable
from rrn.common.renamed import renamed, renamed_method

SNAPSHOT_FILE = "shapes.jsonl"  # in the folder of a run
SNAPSHOT_POINTS = 401  # of a curve, evenly spaced

__getattr__ = renamed(__name__, {"PlaceSnapshot": "rrn.activations.inspection.snapshots:SiteSnapshot"})


@dataclass(frozen=True)
class SiteSnapshot:
    """Activation at one site of a model: a rational by its coefficients, any other activation by its values.

    Rationals with linear tails, affine rationals and chains are recorded by their values too.
    """

    kind: str  # name of the class
    inputs: Histogram | None
    version: str | None = None  # of a rational; None for other activations, as the next two
    numerator: list[list[float]] | None = None  # [groups, n + 1]
    denominator: list[list[float]] | None = None  # [groups, m], or [groups, m + 1] for version C
    x: tuple[float, float] | None = None  # of other activations: first and last of evenly spaced points
    y: list[list[float]] | None = None  # [lines, K], values at these points
    parameters: dict[str, float] | None = None  # of a PELU, besides its values; None in files of earlier versions

    def rational(self) -> Rational | None:
        """Make a rational with these coefficients, its groups along axis 1; None if it was recorded by its values."""
        if self.version is None:
            return None
        m = len(self.denominator[0]) - (self.version == "C")
        pair = self.numerator[0], self.denominator[0]
        module = Rational(pair, (len(self.numerator[0]) - 1, m), self.version, groups=len(self.numerator))
        module.numerator.data = torch.tensor(self.numerator)
        module.denominator.data = torch.tensor(self.denominator)
        module.keep_start()
        return module

    def to_module(self) -> nn.Module | None:
        """Make the recorded activation if it can be trained, a rational or a PELU; None for any other."""
        if self.parameters is None:
            return self.rational()
        module = PELU()
        for name, parameter in module.named_parameters():
            parameter.data.fill_(self.parameters[name])
        return module

    learned = renamed_method("learned", "to_module")

    def shape(self, name: str) -> Shape:
        """Return what to draw of the activation, under this name."""
        if self.y is not None:
            y = np.array(self.y).T
            return Shape(name, np.linspace(*self.x, len(y)), y, self.inputs)
        module = self.rational()
        low, high = _range(self.inputs)
        x = np.linspace(low, high, SNAPSHOT_POINTS)
        return Shape(name, x, values(module, x), self.inputs, poles(module))


@dataclass(frozen=True)
class Snapshot:
    """All activations of a model after `step` steps; `places` has them by the name of their site."""

    step: int
    places: dict[str, SiteSnapshot]

    def shapes(self) -> list[Shape]:
        """Return what to draw, a panel for each site."""
        return [site.shape(name or site.kind) for name, site in self.places.items()]

    def to_json(self) -> str:
        """Return a line of JSON, with 9 digits for each number, which determine a float32."""
        rows = {}
        for name, site in self.places.items():
            row = {key: value for key, value in vars(site).items() if value is not None}
            rows[name] = row | ({"inputs": site.inputs.state_dict()} if site.inputs else {})
        return json.dumps({"step": int(self.step), "places": rows})

    @classmethod
    def from_json(cls, line: str) -> Snapshot:
        """Make a snapshot from a line that `to_json` returned.

        Raises:
            ValueError: the line is damaged, or holds something else.
        """
        try:
            read = json.loads(line)
            check_snapshot(read)
            rows = read["places"].items()
            sites = {name: SiteSnapshot(**{"inputs": None, **row, **_read_inputs(row)}) for name, row in rows}
        except KeyError as error:
            raise ValueError(f"{error} is missing") from error
        except (TypeError, AttributeError, IndexError, OverflowError, RecursionError, RuntimeError) as error:
            raise ValueError(first_line(error)) from error
        return cls(read["step"], sites)


def snapshot(model: nn.Module, step: int = 0, inputs: dict[str, Histogram] | None = None) -> Snapshot:
    """Record the activations of a model as they are now.

    Args:
        model: a model with activations in it, or an activation.
        step: step of training.
        inputs: histograms from `rrn.record_inputs`, by the name of the site; None: those that it left on the modules.

    Raises:
        ValueError: no activation in the model.
    """
    sites = {}
    for name, module in named_activations(model):
        histogram = getattr(module, "recorded_inputs", None) if inputs is None else inputs.get(name)
        histogram = copy.deepcopy(histogram)  # the original may go on counting
        owner = coefficients_of(module)
        kind = type(owner).__name__
        if type(owner) in (Rational, RecurrentRational) and owner.tail_range is None:
            rows = (_rounded(coefficients.detach()) for coefficients in (owner.numerator, owner.denominator))
            sites[name] = SiteSnapshot(kind, histogram, owner.version, *rows)  # type: ignore[arg-type]
        else:
            low, high = _range(histogram)
            y = values(module, np.linspace(low, high, SNAPSHOT_POINTS)).T
            parameters = None
            if isinstance(owner, PELU):
                parameters = {key: float(f"{p.item():.9g}") for key, p in owner.named_parameters()}
            lines = _rounded(torch.from_numpy(y))
            sites[name] = SiteSnapshot(kind, histogram, x=(low, high), y=lines, parameters=parameters)
    if not sites:
        raise ValueError("expected an activation or a model with activation modules in it; it has none.")
    return Snapshot(step, sites)


def read_snapshots(path: str | PathLike) -> list[Snapshot]:
    """Read the snapshots in a file or in the folder of a run, in their order; an incomplete last line is left out.

    Raises:
        ValueError: there are no snapshots, or a line is damaged.
    """
    path = Path(path) / SNAPSHOT_FILE if Path(path).is_dir() else Path(path)
    snapshots = []
    for number, line in enumerate(read_packed(path).split(b"\n")[:-1], 1):
        try:
            snapshots.append(Snapshot.from_json(line.decode("utf-8")))
        except ValueError as error:
            raise ValueError(damage(path, number, error)) from error
    if not snapshots:
        raise ValueError(f"{path}: no snapshots are here; a run writes one at each evaluation.")
    return snapshots


def damage(path: Path, line: int, error: ValueError) -> str:
    """Return a sentence for a line of a file of snapshots that cannot be read."""
    return f"{path}, line {line}: expected a snapshot; it is damaged ({printable(first_line(error), 100)})."


def _range(histogram: Histogram | None) -> tuple[float, float]:
    """Return where to evaluate: over all of the histogram, so that any later plot of it has a curve."""
    return histogram.range if histogram is not None and histogram.range is not None else RANGE


def _rounded(rows: torch.Tensor) -> list[list[float]]:
    return [[float(f"{value:.9g}") for value in row] for row in rows.double().tolist()]


def _read_inputs(row: dict) -> dict:
    return {"inputs": Histogram.from_state_dict(row["inputs"])} if "inputs" in row else {}
