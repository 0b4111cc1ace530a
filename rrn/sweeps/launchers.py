"""Check the launcher of Hydra that a sweep is to use, and its settings."""

from __future__ import annotations

import shutil
import warnings

from rrn.common.errors import UserError
from rrn.common.extras import MissingPackage

PLUGINS = {"local": "joblib", "slurm": "submitit_slurm"}  # launchers in conf/ to the plugins of Hydra that they set up
ON_A_CLUSTER = ("slurm", "submitit_slurm")


def check_launcher(launcher: str, known: list[str]) -> None:
    """Check that a launcher can start runs from here.

    Args:
        launcher: the choice of hydra/launcher.
        known: all launchers that Hydra finds.

    Raises:
        UserError: there is no such launcher, or this machine does not belong to a cluster.
        MissingPackage: its package is not installed.
    """
    plugin = PLUGINS.get(launcher, launcher)
    if launcher in (*PLUGINS, "joblib", "submitit_local", "submitit_slurm") and plugin not in known:
        package = f"hydra-{plugin.partition('_')[0]}-launcher"
        raise MissingPackage(f"hydra/launcher={launcher}", package, "sweep")
    if launcher == "ray" and "ray_aws" not in known:  # `ray` is a file of ours, the plugin brings both
        raise MissingPackage("hydra/launcher=ray", "hydra-ray-launcher", "ray")
    # the file of ours has the name of the plugin's settings, which are its schema
    warnings.filterwarnings("ignore", r"\s*'hydra/launcher/ray' is validated against ConfigStore schema")
    if launcher not in known:
        raise UserError(f"hydra/launcher={launcher}: no such launcher. Choose one of {', '.join(sorted(known))}.")
    if launcher in ON_A_CLUSTER and not (shutil.which("sbatch") and shutil.which("srun")):
        raise UserError(
            f"hydra/launcher={launcher}: there is no sbatch here; go to a machine of the cluster that has it."
        )


def number_of_jobs(text: str, default: int) -> int:
    """Read hydra.launcher.n_jobs; -1 is the default.

    Raises:
        UserError: it is no number of runs.
    """
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number != -1 and number < 1:
        raise UserError(f"hydra.launcher.n_jobs: expected how many runs at a time, or -1 for one a core, got {text}.")
    return default if number == -1 else number
