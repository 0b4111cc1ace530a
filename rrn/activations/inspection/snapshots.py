"""Record the activations of a model at a step of training: `snapshot`, and files of snapshots, a line of JSON each.

Files are read without torch.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rrn.activations.inspection.histogram import Histogram
from rrn.activations.inspection.parametric import Parameters, evaluate
from rrn.activations.inspection.plot import RANGE, Shape
from rrn.activations.inspection.snapshot_checks import check_snapshot
from rrn.activations.inspection.sources import sites as sites_of
from rrn.activations.inspection.sources import values
from rrn.common.errors import first_line
from rrn.common.foreign_files import read_packed
from rrn.common.printable import printable
from rrn.common.renamed import renamed, renamed_method
from rrn.frameworks.coefficients import CoefficientDict, evaluate_rows, form_of, is_coefficients, poles_of

if TYPE_CHECKING:
    from torch import nn

SNAPSHOT_FILE = "shapes.jsonl"  # in the folder of a run
MOST_LINES = 16  # that are recorded by their values, of evenly spaced channels
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
    parameters: Parameters | None = None  # of a class of PARAMETRIC, besides its values; None in old files

    def coefficients(self) -> CoefficientDict:
        """Return the coefficients of a rational, with its groups along axis 1; `version` must not be None."""
        numerator, denominator = (np.array(rows, dtype=np.float32) for rows in (self.numerator, self.denominator))
        return CoefficientDict(
            numerator=numerator, denominator=denominator, version=self.version, axis=1, tail_range=None
        )

    def rational(self) -> nn.Module | None:
        """Make a rational with these coefficients, its groups along axis 1; None if it was recorded by its values."""
        if self.version is None:
            return None
        from rrn.activations.rational import Rational  # torch, which reading does without

        given = self.coefficients()
        form = form_of(given)
        return Rational((given["numerator"], given["denominator"]), form.degrees, form.version, groups=form.groups)

    def to_module(self) -> nn.Module | None:
        """Make the recorded activation if it is a rational or of a class of PARAMETRIC; None for any other."""
        if self.parameters is None:
            return self.rational()
        from rrn.activations.inspection.module_values import make_parametric

        return make_parametric(self.kind, self.parameters)

    @property
    def learns(self) -> bool:
        """Whether it is a rational or of a class of PARAMETRIC, which can be evaluated anywhere."""
        return self.version is not None or self.parameters is not None

    def values(self, x: np.ndarray) -> np.ndarray:
        """Evaluate what `learns` at x [K], [K, lines]."""
        if self.parameters is None:
            return evaluate_rows(self.coefficients(), x)
        return evaluate(self.kind, self.parameters, x)

    learned = renamed_method("learned", "to_module")

    def shape(self, name: str) -> Shape:
        """Return what to draw of the activation, under this name."""
        if self.y is not None:
            y = np.array(self.y).T
            return Shape(name, np.linspace(*self.x, len(y)), y, self.inputs)
        x, given = np.linspace(*_range(self.inputs), SNAPSHOT_POINTS), self.coefficients()
        return Shape(name, x, evaluate_rows(given, x), self.inputs, poles_of(given))


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


def snapshot(model: Any, step: int = 0, inputs: dict[str, Histogram] | None = None) -> Snapshot:
    """Record the activations of a model as they are now.

    Args:
        model: a model of torch with activations in it, or an activation; or, without torch, a rational of another
            framework, its coefficients as of `rrn.convert.coefficients`, or several of these by name.
        step: step of training.
        inputs: histograms from `rrn.record_inputs`, by the name of the site; None: those that it left on the modules.

    Raises:
        ValueError: no activation in the model.
    """
    found = {}
    for name, site in sites_of(model):
        histogram = getattr(site, "recorded_inputs", None) if inputs is None else inputs.get(name)
        histogram = copy.deepcopy(histogram)  # the original may go on counting
        kind, given, parameters = "Rational", site, None
        if not is_coefficients(site):
            from rrn.activations.inspection.module_values import recorded  # torch

            kind, given, parameters = recorded(site)
        if given is not None and given["tail_range"] is None:
            numerator, denominator = _rounded(given["numerator"]), _rounded(given["denominator"])
            found[name] = SiteSnapshot(kind, histogram, given["version"], numerator, denominator)
        else:
            low, high = _range(histogram)
            curves = values(site, np.linspace(low, high, SNAPSHOT_POINTS)).T
            kept = np.linspace(0, len(curves) - 1, min(len(curves), MOST_LINES)).round().astype(int)
            lines = _rounded(curves[kept])
            found[name] = SiteSnapshot(kind, histogram, x=(low, high), y=lines, parameters=parameters)
    if not found:
        raise ValueError("expected an activation or a model with activation modules in it; it has none.")
    return Snapshot(step, found)


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


def _rounded(rows: np.ndarray) -> list[list[float]]:
    return [[float(f"{value:.9g}") for value in row] for row in rows.tolist()]


def _read_inputs(row: dict) -> dict:
    return {"inputs": Histogram.from_state_dict(row["inputs"])} if "inputs" in row else {}
