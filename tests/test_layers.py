"""Files import from their own folder or from lower floors, none imports a command, and what needs no torch has none."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from helpers.paths import ROOT

FLOORS = """
common
stats.py
activations/fitting
activations/ops
frameworks
activations
activations/inspection
activations/conversion
config
numpy.py jax.py mxnet.py
keras.py nnx.py linen.py equinox.py
networks envs runs reference
tasks
convert.py
sb3.py
report
agents
metrics
training
policies
sweeps
__init__.py
study tune __main__.py train.py evaluate.py export.py status.py fit.py shapes.py doctor.py
scripts
"""  # lowest first; those of one line may not import from each other
FLOOR = {place: number for number, line in enumerate(FLOORS.split("\n")) for place in line.split()}
COMMANDS = {"train.py", "evaluate.py", "export.py", "status.py", "fit.py", "shapes.py", "doctor.py"}
WITHOUT_TORCH = {"common", "stats.py", "activations/fitting", "config", "frameworks", "runs", "reference"}
WITHOUT_TORCH |= {
    "numpy.py",
    "jax.py",
    "nnx.py",
    "linen.py",
    "equinox.py",
    "mxnet.py",
    "convert.py",
    "activations/ops/cpu_modules.py",
    "activations/conversion/learned_table.py",
    "activations/inspection/best_fit.py",
    "activations/inspection/histogram.py",
    "activations/inspection/parametric.py",
    "activations/inspection/plot.py",
    "activations/inspection/snapshot_checks.py",
    "activations/inspection/snapshots.py",
    "activations/inspection/sources.py",
    "report/shape_charts.py",
}
WITH_TORCH = {
    "common/eager.py",
    "common/eval_mode.py",
    "common/device.py",
    "common/threads.py",
    "runs/checkpoint.py",
    "runs/checkpoint_checks.py",
    "runs/event_file.py",
    "runs/weights.py",
    "runs/logger.py",
}
FILES = [path.relative_to(ROOT) for folder in ("rrn", "scripts") for path in sorted((ROOT / folder).rglob("*.py"))]
MODULES = {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path.as_posix() for path in FILES}


def short(path: str) -> str:
    return path.removeprefix("rrn/")


def place(path: str) -> str:
    """The entry of FLOORS that a file belongs to: its own, or that of the nearest folder."""
    names = (short(path), *map(str, Path(short(path)).parents))
    found = next((name for name in names if name in FLOOR), None)
    assert found, f"{path}: expected it or its folder in FLOORS"
    return found


def imports(node: ast.AST) -> Iterator[str]:
    """Names of the modules that a file imports, in functions too, but not under TYPE_CHECKING."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert not child.level, "imports are absolute here"
            names = (f"{child.module}.{alias.name}" for alias in child.names)
            yield from (name if name in MODULES else str(child.module) for name in names)
        else:
            yield from imports(child)


EDGES = {
    path: {MODULES[name] for name in imports(ast.parse((ROOT / path).read_text("utf-8"))) if name in MODULES} - {path}
    for path in MODULES.values()
}


def edges(breaks) -> set[str]:
    """Imports for which `breaks(importer, imported)`, as texts."""
    return {f"{short(a)} -> {short(b)}" for a, targets in EDGES.items() for b in targets if breaks(a, b)}


def is_command(path: str) -> bool:
    return short(path) in COMMANDS or path.endswith("/__main__.py")


def test_a_file_imports_from_its_own_folder_or_from_lower_floors():
    def breaks(a: str, b: str) -> bool:
        return place(a) != place(b) and FLOOR[place(a)] <= FLOOR[place(b)] and not is_command(b)

    assert not edges(breaks)


def test_no_file_imports_a_command():
    assert not edges(lambda a, b: is_command(b))


def test_imports_make_no_circle():
    def reached(path: str) -> set[str]:
        seen, waiting = set(), [path]
        while waiting:
            new = EDGES[waiting.pop()] - seen
            seen |= new
            waiting += new
        return seen

    reaches = {path: reached(path) for path in EDGES}
    assert not edges(lambda a, b: a in reaches[b])


def test_what_is_below_the_operator_and_what_reads_runs_does_without_torch():
    names = [
        name
        for name, path in MODULES.items()
        if path.startswith("rrn/") and WITHOUT_TORCH & {place(path), short(path)} and short(path) not in WITH_TORCH
    ]
    script = (
        "import importlib, sys\n"
        "sys.modules['torch'] = None\n"  # so that its import fails
        "for name in sys.argv[1:]:\n"
        "    try:\n        importlib.import_module(name)\n"
        "    except ImportError as error:\n        print(name) if 'torch' in str(error.name) else None\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *names], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {f"{short(MODULES[name])} -> torch" for name in done.stdout.split()}
