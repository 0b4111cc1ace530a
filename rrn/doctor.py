"""The command `python -m rrn.doctor`: show what is installed, and which path rationals take on each device and why."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from rrn.common.command_line import CommandParser
from rrn.common.console import cli_errors
from rrn.common.extras import EXTRAS, MissingPackage, needs
from rrn.frameworks import arrays
from rrn.runs.software import version_of

PACKAGES = (
    "rrn",
    "torch",
    "cuda-core",
    "numpy",
    "jax",
    "flax",
    "equinox",
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "mxnet",
    "gymnasium",
    "ale-py",
    "minatar",
    "hydra-core",
    "hydra-joblib-launcher",
    "stable-baselines3",
    "tensorboard",
    "matplotlib",
    "plotly",
)
Lines = list[tuple[str, str]]  # name and text


def main(arguments: Sequence[str] = ()) -> None:
    """Print one line for each thing that matters when something is slow or missing."""
    CommandParser("python -m rrn.doctor", "What is installed, and which kernels run where.").parse_args(arguments)
    lines = [("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")]
    lines += [(name, version_of(name) or "not installed") for name in PACKAGES]
    lines += [(f"rrn[{name}]", state(name)) for name in EXTRAS]
    lines += [("backend of keras", keras_backend()), ("rationals of NumPy", arrays.path())]
    for about in (games, devices):
        try:
            lines += about()
        except MissingPackage as error:
            lines.append(("missing", str(error)))
    with cli_errors():
        for name, text in lines:
            print(f"{name:22}{text}")


def state(extra: str) -> str:
    """Say that the packages of an extra are installed, or which are missing and the command that installs them."""
    missing = [package for package in EXTRAS[extra].values() if not version_of(package)]
    return f"missing {', '.join(missing)}: pip install 'rrn[{extra}]'" if missing else "installed"


def keras_backend() -> str:
    """Name the backend that Keras will use, what says so, and whether it is missing; neither is imported."""
    backend, why = os.environ.get("KERAS_BACKEND"), "KERAS_BACKEND"
    if not backend:
        file = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
        try:
            backend, why = str(json.loads(file.read_text(encoding="utf-8"))["backend"]), str(file)
        except (OSError, ValueError, KeyError, TypeError):
            backend, why = "tensorflow", "default"
    if version_of("keras") and not any(version_of(f"{backend}{build}") for build in ("", "-cpu")):
        why += ", but it is not installed; set KERAS_BACKEND to the one of torch, jax and tensorflow that is"
    return f"{backend}, by {why}"


def games() -> Lines:
    """Return a line with the number of Atari games.

    Raises:
        MissingPackage: a package of the extra rl is not installed.
    """
    with needs("python -m rrn.train", "rl"):
        from rrn.config.games import atari_games

    return [("Atari", f"{len(atari_games())} games")]


def devices() -> Lines:
    """Return lines with the threads of torch, the GPUs, and the path that rationals take on the CPU and on a GPU.

    Raises:
        MissingPackage: torch is not installed.
    """
    with needs("rrn.Rational"):
        import torch

        from rrn.activations.ops import cpu, cuda

    lines = [("threads", f"{torch.get_num_threads()} for torch"), ("rationals on cpu", cpu.path())]
    if not torch.cuda.is_available():
        return [*lines, ("GPU", "none that torch can use")]
    names = [(f"cuda:{i}", torch.cuda.get_device_name(i)) for i in range(torch.cuda.device_count())]
    return [*lines, *names, ("rationals on cuda", cuda.path())]


if __name__ == "__main__":
    main(sys.argv[1:])
