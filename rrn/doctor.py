"""The command `python -m rrn.doctor`: what is installed here, and which path rationals take on each device and why."""

from __future__ import annotations

import platform

import torch

from rrn.activations.ops import cpu, cuda
from rrn.common.console import command_line
from rrn.config.games import atari_games
from rrn.runs.versions import version_of

PACKAGES = (
    *("rrn", "torch", "cuda-core", "numpy", "gymnasium", "ale-py", "minatar", "hydra-core", "hydra-joblib-launcher"),
    *("stable-baselines3", "tensorboard", "matplotlib", "plotly"),
)


def main() -> None:
    """Print one line for each thing that matters when something is slow or missing."""
    lines = [("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")]
    lines += [(name, version_of(name) or "not installed") for name in PACKAGES]
    lines += [
        ("threads", f"{torch.get_num_threads()} for torch"),
        ("Atari", f"{len(atari_games())} games"),
        ("rationals on cpu", cpu.path()),
        *gpus(),
    ]
    with command_line():
        for name, text in lines:
            print(f"{name:22}{text}")


def gpus() -> list[tuple[str, str]]:
    """A line for each GPU, and the path that rationals take there."""
    if not torch.cuda.is_available():
        return [("GPU", "none that torch can use")]
    names = [(f"cuda:{i}", torch.cuda.get_device_name(i)) for i in range(torch.cuda.device_count())]
    return [*names, ("rationals on cuda", cuda.path())]


if __name__ == "__main__":
    main()
