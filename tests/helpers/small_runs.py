"""Short runs that several tests look at; see the fixture `trained_run`."""

from __future__ import annotations

import pytest

from rrn.activations.registry import ACTIVATIONS
from rrn.config import AGENTS

PLAYERS = [agent for agent in AGENTS if agent != "classifier"]  # which learns tasks
CARTPOLE = [  # each agent, and each activation with one of them
    *((agent, "recurrent_rational") for agent in PLAYERS),
    *(pytest.param("dqn", act, marks=pytest.mark.slow) for act in ACTIVATIONS if act != "recurrent_rational"),
]


def pong(agent: str, act: str) -> list[str]:
    """Settings of a run on the real Pong."""
    small = ["env.frame_cap=600", *(["agent.batch_size=8"] if "dqn" in agent else [])]
    return ["experiment=smoke", f"agent={agent}", f"act={act}", "env=Pong", *small]


def cartpole(agent: str, act: str, *overrides: str) -> list[str]:
    """Settings of a run on CartPole."""
    no_pictures = ["agent.shift=0", "agent.intensity=0"] if agent == "drq" else []
    return ["experiment=smoke", f"agent={agent}", f"act={act}", "env=CartPole", *no_pictures, *overrides]
