"""Name the extra that installs each optional package, and report a missing one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rrn.common.errors import UserError

BASE = {"numpy": "numpy", "scipy": "scipy"}  # name in an import: name for pip
_TORCH = {"torch": "torch"}
_PLOT = {"imageio": "imageio", "matplotlib": "matplotlib"}
EXTRAS = {  # as in pyproject.toml, without those that only combine others
    "torch": _TORCH,
    "jax": {"equinox": "equinox", "flax": "flax", "jax": "jax"},
    "keras": {"keras": "keras"},
    "mxnet": {"mxnet": "mxnet", "numpy": "numpy"},
    "plot": _PLOT,
    "rl": {
        **_PLOT,
        **_TORCH,
        "ale_py": "ale-py",
        "filelock": "filelock",
        "gymnasium": "gymnasium",
        "hydra": "hydra-core",
        "imageio_ffmpeg": "imageio-ffmpeg",
        "omegaconf": "omegaconf",
        "plotly": "plotly",
        "psutil": "psutil",
        "pygame": "pygame-ce",
        "rich": "rich",
        "tensorboard": "tensorboard",
    },
    "tasks": {"sklearn": "scikit-learn"},
    "sb3": {
        **_TORCH,
        "gymnasium": "gymnasium",
        "omegaconf": "omegaconf",
        "psutil": "psutil",
        "stable_baselines3": "stable-baselines3",
    },
    "minatar": {"minatar": "minatar"},
    "sweep": {
        "hydra_plugins.hydra_joblib_launcher": "hydra-joblib-launcher",
        "hydra_plugins.hydra_submitit_launcher": "hydra-submitit-launcher",
    },
    "ray": {"hydra_plugins.hydra_ray_launcher": "hydra-ray-launcher", "ray": "ray"},
    "tune": {"optuna": "optuna"},
    "export": {"onnx": "onnx", "onnxruntime": "onnxruntime", "safetensors": "safetensors"},
    "cuda": {**_TORCH, "cuda.core": "cuda-core"},
}


class MissingPackage(UserError, ImportError):
    """Report a package that is not installed, with the command that installs it.

    Args:
        what: the command, function or setting that needs the package.
        package: its name for pip.
        extra: the extra of rrn with this package; None for a package that rrn always needs.
    """

    def __init__(self, what: str, package: str, extra: str | None = None):
        wanted = f"'rrn[{extra}]'" if extra else package
        super().__init__(f"{what} needs {package}: pip install {wanted}")


@contextmanager
def needs(what: str, extra: str = "torch") -> Iterator[None]:
    """Context manager around imports: turn a missing package of this extra into a MissingPackage error.

    Args:
        what: the command, function or setting that needs the packages, for the message.
        extra: a key of EXTRAS.

    Raises:
        MissingPackage: a package of the extra, or one that rrn always needs, is not installed. Any other
            ModuleNotFoundError passes through.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name in EXTRAS[extra]:
            raise MissingPackage(what, EXTRAS[extra][error.name], extra) from None
        if error.name in BASE:
            raise MissingPackage(what, BASE[error.name]) from None
        raise


class WrongVersion(UserError, ImportError):
    """Report a package whose version an extra of rrn cannot work with.

    Args:
        what: the module that needs another version.
        wanted: package and version, such as "NumPy before 1.24".
        found: the version that is installed.
        extra: the extra of rrn that brings the right one.
    """

    def __init__(self, what: str, wanted: str, found: str, extra: str):
        super().__init__(
            f"{what} needs {wanted}, and {found} is installed: pip install 'rrn[{extra}]' in an environment of its own"
        )
