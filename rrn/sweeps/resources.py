"""Choose how many runs a machine can do in parallel."""

from __future__ import annotations

import math

import psutil

from rrn.common.cores import usable_cores
from rrn.common.errors import UserError
from rrn.config import Config, EnvConfig, GymConfig

RUNS_PER_GPU = 4


def count_gpus() -> int:
    """Count the GPUs that torch finds."""
    import torch  # takes seconds, which not every command needs

    return torch.cuda.device_count()


def max_parallel_runs(configs: list[Config], gpus: int) -> int:
    """Choose the number of parallel runs by cores, GPUs and the memory of replay buffers."""
    kept = [(config.agent.frames_kept(config.env), config.env) for config in configs]
    sizes = {key: frame_bytes(env) for key, env in {repr(env): env for frames, env in kept if frames}.items()}
    largest = max((frames * sizes.get(repr(env), 0) for frames, env in kept), default=0)
    cores = usable_cores() // max((config.threads or 1 for config in configs), default=1)
    limits = [len(configs), cores, psutil.virtual_memory().available // max(largest, 1)]
    if gpus:
        limits.append(gpus * RUNS_PER_GPU)
    return max(1, min(limits))


def frame_bytes(env: EnvConfig) -> int:
    """Return the size of one frame in a replay buffer; of an environment of Gymnasium a copy is made to find out.

    It is 0 if the copy cannot be made: then the run says why.
    """
    if not isinstance(env, GymConfig):
        return env.frame_bytes
    from rrn.envs.gym_spaces import frames_of  # imports torch
    from rrn.envs.gymnasium import env_works, make_copy

    try:
        with env_works(env):
            copy = make_copy(env)
            space = copy.observation_space
            copy.close()
        frames = frames_of(space, env.name)
    except UserError:
        return 0
    return math.prod(frames.shape) * frames.dtype.itemsize
