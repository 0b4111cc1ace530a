"""How many runs of a sweep are done at a time: cores, GPUs and memory are shared out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from helpers.paths import DATA
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl

from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.config.register import conf_dir
from rrn.sweeps import resources, sweep


def test_cores_gpus_and_memory_are_shared_out(monkeypatch, capsys):
    def prepared(number: int, *overrides: str):
        config = compose_config([text for text in overrides if not text.startswith("hydra")])
        configs = [replace(config, run_dir=str(i)) for i in range(number)]
        with initialize_config_dir(conf_dir(), version_base="1.3"):
            return sweep.prepare(list(overrides), configs)

    monkeypatch.setattr(resources, "usable_cores", lambda: 6)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    ten = (10, "env=CartPole")
    found = prepared(*ten)
    assert (found.at_once, found.shared.gpus, found.launcher) == (6, 0, "local")
    assert {"hydra/launcher=local", "hydra.launcher.n_jobs=6", "threads=1"} <= set(found.added)
    assert prepared(2, "env=CartPole").at_once == 2
    assert prepared(*ten, "hydra.launcher.n_jobs=3").at_once == 3
    assert "threads=1" not in prepared(*ten, "threads=2").added
    assert "threads=1" not in prepared(*ten, "hydra/launcher=basic").added
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert (prepared(*ten).at_once, prepared(*ten).shared.gpus) == (resources.RUNS_PER_GPU, 1)
    assert (prepared(*ten, "device=cpu").at_once, prepared(*ten, "device=cpu").shared.gpus) == (6, 0)
    monkeypatch.setattr(resources.psutil, "virtual_memory", lambda: type("Memory", (), {"available": 15e9}))
    assert prepared(10, "env=Pong", "device=cpu", "agent.replay_capacity=1000000").at_once == 2

    options = ConfigLoaderImpl.get_group_options  # as without the plugins
    monkeypatch.setattr(
        ConfigLoaderImpl,
        "get_group_options",
        lambda self, group, *rest, **more: (
            ["basic", "local", "ray", "slurm"] if group == "hydra/launcher" else options(self, group, *rest, **more)
        ),
    )
    assert prepared(*ten).launcher == "basic"
    assert "pip install 'rrn[sweep]'" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"hydra/launcher=local needs hydra-joblib-launcher: pip install"):
        prepared(*ten, "hydra/launcher=local")
    with pytest.raises(UserError, match=r"hydra/launcher=ray needs hydra-ray-launcher: pip install 'rrn\[ray\]'"):
        prepared(*ten, "hydra/launcher=ray")


@pytest.mark.parametrize(
    ("env", "size"), [("gym_toys:Pixels-v0", 3 * 40 * 48), ("gym_toys:Seeded-v0", 3 * 4), ("gym_toys:Parts-v0", 0)]
)
def test_the_replay_of_pixels_of_gymnasium_is_counted(monkeypatch, env, size):
    monkeypatch.syspath_prepend(DATA / "own")
    config = compose_config([f"env={env}", "agent.replay_capacity=1000000"])
    assert resources.frame_bytes(config.env) == size
    monkeypatch.setattr(resources, "usable_cores", lambda: 6)
    monkeypatch.setattr(resources.psutil, "virtual_memory", lambda: type("Memory", (), {"available": 15e9}))
    assert resources.max_parallel_runs([config] * 10, gpus=0) == (2 if "Pixels" in env else 6)


def test_runs_with_several_threads_do_not_share_cores(monkeypatch):
    monkeypatch.setattr(resources, "usable_cores", lambda: 8)
    for threads, at_once in (("null", 8), ("1", 8), ("3", 2), ("16", 1)):
        config = compose_config(["env=CartPole", f"threads={threads}"])
        assert resources.max_parallel_runs([config] * 20, gpus=0) == at_once
