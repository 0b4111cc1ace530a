"""Connect a sweep to a cluster of Ray, or start one on this machine."""

from __future__ import annotations

import os
from typing import Any, cast

from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from rrn.common.errors import UserError, first_line


def ray_settings(overrides: list[str]) -> DictConfig:
    """Compose `hydra.launcher.ray` of a command line; Hydra must be initialised."""
    loader = GlobalHydra.instance().config_loader()
    return loader.load_configuration("config", overrides, run_mode=RunMode.MULTIRUN).hydra.launcher.ray


def connect(settings: DictConfig, runs: int) -> int:
    """Connect to the cluster of the settings; without an address, start one on this machine.

    Args:
        settings: see `ray_settings`; `init` goes to ray.init, `remote` is what each run takes.
        runs: at a time, on a cluster that is started here and whose `init` does not say how many CPUs it has.

    Returns:
        How many runs the cluster can do at a time; 0: it has to grow first.

    Raises:
        UserError: there is no cluster at the address, or this machine is too small for one run.
    """
    import ray

    init = cast(dict[str, Any], OmegaConf.to_container(settings.init, resolve=True))
    takes = {"CPU": settings.remote.get("num_cpus") or 1, "GPU": settings.remote.get("num_gpus") or 0}
    address = init.get("address") or os.environ.get("RAY_ADDRESS")
    if address is None:
        init["address"] = "local"  # without a word Ray would take any cluster that was started on this machine
        if init.get("num_cpus") is None:
            init["num_cpus"] = max(1, int(runs * takes["CPU"]))
    try:
        ray.init(**init)
    except (ConnectionError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"hydra.launcher.ray.init: Ray does not start: {first_line(error)}") from error
    has = ray.cluster_resources()
    at_once = int(min(has.get(kind, 0) / number for kind, number in takes.items() if number))
    if at_once == 0 and address is None:
        raise UserError(
            f"hydra.launcher.ray.remote: a run is to have {takes['CPU']} CPUs and {takes['GPU']} GPUs, "
            f"but Ray has {has.get('CPU', 0):g} and {has.get('GPU', 0):g} on this machine; ask for less."
        )
    return at_once
