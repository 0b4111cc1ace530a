"""Runs with one checkpoint, whose weights are not those of the start but that nobody trained, and observations."""

from __future__ import annotations

import numpy as np

OBSERVATIONS = {
    "CartPole": lambda random, number: random.normal(size=(number, 1, 4)).astype(np.float32),
    "Pendulum-v1": lambda random, number: random.normal(size=(number, 1, 3)).astype(np.float32),
    "gym_toys:Levers-v0": lambda random, number: random.normal(size=(number, 1, 3)).astype(np.float32),
    "gym_toys:Pixels-v0": lambda random, number: random.integers(0, 256, (number, 1, 3, 40, 48)).astype(np.uint8),
    "MinAtar-Breakout": lambda random, number: random.random((number, 1, 4, 10, 10)) < 0.2,
    "Pong": lambda random, number: random.integers(0, 256, (number, 4, 84, 84)).astype(np.uint8),
}


def saved_run(folder, *overrides, step=0):
    """Folder of a run with one checkpoint, of weights and coefficients that are not those of the start; its agent."""
    import torch  # and these, which import it: most environments of other frameworks are without
    from omegaconf import OmegaConf

    from rrn.agents import make_agent
    from rrn.config.compose import compose_config
    from rrn.envs import make_envs
    from rrn.runs import checkpoint

    config = compose_config([*overrides, f"run_dir={folder}", "device=cpu", "threads=1"])
    torch.manual_seed(1)
    agent = make_agent(config, make_envs(config.env, 1, (0,)), torch.device("cpu"))
    with torch.no_grad():
        for p in agent.network.parameters():
            p += 0.02 * torch.randn_like(p)
    for moments in (getattr(agent, "observed", None), getattr(agent, "returned", None)):
        if moments is not None:
            moments.update(2 * torch.randn(100, *moments.mean.shape) + 1)
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config))
    checkpoint.save(folder / "checkpoints", step, {"step": step, "agent": agent.state_dict()}, keep=1)
    agent.network.eval()
    return agent
