"""Choose how many runs a machine can do in parallel."""

from __future__ import annotations

import psutil

from rrn.common.cores import usable_cores
from rrn.config import Config

RUNS_PER_GPU = 4


def count_gpus() -> int:
    """Count the GPUs that torch finds."""
    import torch  # takes seconds, which not every command needs

    return torch.cuda.device_count()


def max_parallel_runs(configs: list[Config], gpus: int) -> int:
    """Choose the number of parallel runs by cores, GPUs and the memory of replay buffers."""
    largest = max((_replay_bytes(config) for config in configs), default=0)
    cores = usable_cores() // max((config.threads or 1 for config in configs), default=1)
    limits = [len(configs), cores, psutil.virtual_memory().available // max(largest, 1)]
    if gpus:
        limits.append(gpus * RUNS_PER_GPU)
    return max(1, min(limits))


def _replay_bytes(config: Config) -> int:
    return config.agent.frames_kept(config.env) * config.env.frame_bytes
