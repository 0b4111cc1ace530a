"""Rationals from one framework to another: `coefficients`, `rational`, and what was `learned` in a run.

Neither torch nor another framework is imported before its modules, or a checkpoint, are asked for.
"""

from __future__ import annotations

from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

from rrn.activations.conversion.learned_table import TableRow as TableRow
from rrn.activations.conversion.learned_table import read_table as read_table
from rrn.activations.fitting.formula import VERSIONS
from rrn.activations.inspection.snapshots import SNAPSHOT_FILE, Snapshot, read_snapshots
from rrn.common.extras import needs
from rrn.frameworks.coefficients import FRAMEWORKS, CoefficientDict, form_of, framework_of
from rrn.frameworks.coefficients import coefficients as coefficients

CHANNELS = {  # the axis of channels; Equinox has no axis for the batch
    "torch": 1,
    "numpy": 1,
    "nnx": -1,
    "linen": -1,
    "equinox": 0,
    "keras": -1,
    "mxnet": 1,
}
EXTRA = {"torch": "torch", "nnx": "jax", "linen": "jax", "equinox": "jax", "keras": "keras", "mxnet": "mxnet"}


class LearnedDict(CoefficientDict):
    """A rational at one activation site of a run."""

    owner: str  # the first site that has these coefficients; another site than this one for a recurrent rational


def rational(source: Any, to: str, **options: Any) -> Any:
    """Make a rational of another framework, with the same coefficients and so the same values.

    Args:
        source: a rational of any framework or a dictionary, as for `coefficients`.
        to: one of torch, numpy, nnx, linen, equinox, keras, mxnet.
        options: further arguments of the new class, such as dtype, name or rngs; and `params` for a module of Linen as
            the source.

    With several rows of coefficients, the axis of channels becomes that of the other framework: 1 in torch, NumPy and
    MXNet, -1 in Flax and Keras, 0 in Equinox, whose modules see no batch. `axis` among the options says otherwise.

    Returns:
        `rrn.Rational`, `rrn.numpy.Rational` and so on. Coefficients have the dtype that this class gives them, float32
        if the options do not say otherwise. A module of Linen has its coefficients as the start of its params.

    Raises:
        ValueError: an unknown framework, no rational, or rows along an axis that is not that of channels.
        MissingPackage: the framework is not installed.
    """
    if to not in FRAMEWORKS:
        raise ValueError(f"to: expected one of {', '.join(FRAMEWORKS)}, got {to!r}.")
    found = coefficients(source, options.pop("params", None))
    form = form_of(found)
    kind = _class(to)
    rows: Any = found["numerator"], found["denominator"]
    if to == "linen":  # whose modules are hashed
        rows = tuple(tuple(map(tuple, c.tolist())) for c in rows)
    arguments: dict[str, Any] = {
        "start" if to == "linen" else "init": rows,
        "degrees": form.degrees,
        "version": form.version,
        "groups": form.groups,
        "tail": "rational" if form.tail_range is None else "linear",
        "tail_range": form.tail_range,
    }
    if "axis" not in options:
        arguments["axis"] = _axis(source, form.axis, to) if form.groups > 1 else CHANNELS[to]
    return kind(**arguments, **options)


def learned(run: str | PathLike, step: int | None = None) -> dict[str, LearnedDict]:
    """Read the learned rationals of a run, by the name of their activation site.

    Args:
        run: folder of a run, or a file of snapshots in one: both are read without torch; or a checkpoint (.pt).
        step: of the snapshot in a folder; None: the last one.

    Sites of one recurrent rational have equal coefficients, and the name of the first of them as `owner`. A checkpoint
    holds them once; its other sites are known where it lies in the folder of its run.

    Raises:
        ValueError: no snapshots, none of this step, no rationals, or a damaged line.
        UserError: a damaged checkpoint.
    """
    path = Path(run)
    if path.suffix == ".pt":
        if step is not None:
            raise ValueError(f"step: expected None, as {path.name} is of one step, got {step!r}.")
        return _of_checkpoint(path)
    snapshots = read_snapshots(path)
    chosen = [one for one in snapshots if step in (None, one.step)]
    if not chosen:
        steps = ", ".join(str(one.step) for one in snapshots)
        raise ValueError(f"step: expected one of {steps}, got {step!r}.")
    owners = _owners(snapshots[-1])
    sites = {name: site.coefficients() for name, site in chosen[-1].places.items() if site.version is not None}
    if not sites:
        raise ValueError(
            f"{path}: expected rationals, its snapshots have none by their coefficients; those with linear tails are "
            "in the checkpoints of the run."
        )
    return {name: LearnedDict(owner=owners.get(name, name), **found) for name, found in sites.items()}


def _class(to: str) -> Any:
    """Import the class of rationals of a framework."""
    with needs(f"rrn.convert to {to}", EXTRA.get(to, "torch")):
        if to == "torch":
            return import_module("rrn.activations.rational").Rational
        return import_module(f"rrn.{to}").Rational


def _axis(source: Any, axis: int, to: str) -> int:
    """Return the axis of the new rational; that of a dictionary may be of any framework."""
    of = framework_of(source)
    channels = {CHANNELS[of]} if of else {*CHANNELS.values()}
    if of and CHANNELS[of] == CHANNELS[to]:
        return axis
    if axis in channels:
        return CHANNELS[to]
    raise ValueError(
        f"axis: expected {' or '.join(map(str, sorted(channels)))}, that of channels, got {axis}; say axis= of the "
        f"rational of {to}."
    )


def _owners(snapshot: Snapshot) -> dict[str, str]:
    """Name the first site with the coefficients of each site of a recurrent rational, in a trained network."""
    first: dict[Any, str] = {}
    owners = {}
    for name, site in snapshot.places.items():
        if site.kind == "RecurrentRational" and site.version is not None:
            key = site.version, *(tuple(map(tuple, rows)) for rows in (site.numerator, site.denominator))
            owners[name] = first.setdefault(key, name)
    return owners


def _of_checkpoint(path: Path) -> dict[str, LearnedDict]:
    with needs("rrn.convert of a checkpoint", "rl"):
        from rrn.runs import checkpoint

    try:
        network = dict(checkpoint.load(path)["agent"]["network"])
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{path}: expected the checkpoint of a run, it holds no network.") from None
    found: dict[str, LearnedDict] = {}
    for key, state in network.items():
        module, _, last = key.rpartition(".")
        if last != "_extra_state" or f"{module}.numerator" not in network:
            continue
        number, _, _, *ends = state.tolist()
        name = module.removeprefix("layers.")
        one = {part: network[f"{module}.{part}"].numpy() for part in ("numerator", "denominator")}
        one |= {"version": VERSIONS[round(number)], "tail_range": tuple(ends) or None}
        found[name] = LearnedDict(owner=name, **coefficients(one))
    if not found:
        raise ValueError(f"{path}: expected rationals, the network of this checkpoint has none.")
    folder = path.parent.parent
    if not any((folder / f"{SNAPSHOT_FILE}{suffix}").exists() for suffix in ("", ".gz")):
        return found
    owners = _owners(read_snapshots(folder)[-1])
    return {name: found[owners[name]] for name in owners if owners[name] in found} | found
