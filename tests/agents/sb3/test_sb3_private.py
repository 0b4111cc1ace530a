"""A stable-baselines3 in which a private attribute has another name: what goes on without it, and what is refused."""

from __future__ import annotations

import copy
import sys

import pytest
import stable_baselines3
import torch
from helpers.paths import ROOT

from rrn.agents import make_learner
from rrn.agents.sb3.private import LOGGED, NEEDED, NEEDED_OF_DQN, TESTED
from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.envs import make_envs

CPU = torch.device("cpu")
SMALL = {
    "sb3_dqn": ["agent.buffer_size=500", "agent.learning_starts=8", "agent.target_update_interval=12"],
    "sb3_ppo": ["agent.n_steps=8", "agent.batch_size=4"],
}


class Renamed:
    """An attribute that stable-baselines3 finds and rrn does not."""

    def __init__(self, name: str):
        self.name = name

    def refuse_rrn(self) -> None:
        if sys._getframe(2).f_globals["__name__"].startswith("rrn."):
            raise AttributeError(self.name)

    def __get__(self, model, kind):
        self.refuse_rrn()
        return model.__dict__[self.name]

    def __set__(self, model, value):
        self.refuse_rrn()
        model.__dict__[self.name] = value


def hide(monkeypatch, agent, name) -> None:
    kind = stable_baselines3.DQN if agent == "sb3_dqn" else stable_baselines3.PPO
    monkeypatch.setattr(kind, name, Renamed(name), raising=False)


def learner_for(agent):
    config = compose_config([f"agent={agent}", "env=CartPole", "act=rational", "env.num_envs=2", *SMALL[agent]])
    return make_learner(config, make_envs(config.env, 2, (0,)), CPU)


def train(learner, updates: int) -> dict[str, torch.Tensor]:
    while learner.warming_up:
        learner.warmup_step()
    for step in range(updates):
        learner.training_step(step, False)
    return {name: value.clone() for name, value in learner.model.policy.state_dict().items()}


def test_the_version_that_a_user_is_told_of_is_the_one_that_is_tested():
    assert f"\nstable-baselines3=={TESTED}\n" in (ROOT / "constraints.txt").read_text()


@pytest.mark.parametrize(
    ("agent", "name"),
    [("sb3_dqn", name) for name in NEEDED + NEEDED_OF_DQN] + [("sb3_ppo", name) for name in NEEDED],
)
def test_an_attribute_that_is_needed_and_gone_is_a_sentence(agent, name, monkeypatch):
    hide(monkeypatch, agent, name)
    with pytest.raises(UserError, match=rf"stable-baselines3 \S+ has no {name} in .* pip install \S+=={TESTED}"):
        learner_for(agent)


@pytest.mark.slow
@pytest.mark.parametrize("agent", SMALL)
@pytest.mark.parametrize("name", [None, *LOGGED])
def test_a_run_is_trained_and_resumed_exactly_without_what_is_only_logged(agent, name, monkeypatch):
    if name:
        hide(monkeypatch, agent, name)
    first = learner_for(agent)
    train(first, 3)
    states = copy.deepcopy((first.state_dict(), first.agent.state_dict(), first.games.state_dict()))
    assert name not in states[0]["counters"]
    random = torch.get_rng_state()  # PPO draws its actions from it
    expected = train(first, 5)
    second = learner_for(agent)
    second.games.load_state_dict(states[2])
    second.agent.load_state_dict(states[1])
    second.load_state_dict(states[0])
    torch.set_rng_state(random)
    found = train(second, 5)
    assert all(torch.equal(value, found[key]) for key, value in expected.items())


@pytest.mark.parametrize("agent", SMALL)
def test_no_private_name_is_used_elsewhere(agent):
    """Attributes of a model that begin with an underscore, in the files beside private.py."""
    model = learner_for(agent).model
    names = [name for name in {*dir(model), *dir(model.policy)} if name.startswith("_") and name[1] != "_"]
    folder = ROOT / "rrn" / "agents" / "sb3"
    for path in (*folder.glob("*.py"), folder.parents[1] / "sb3.py"):
        text = path.read_text()
        used = [name for name in names if f".{name}" in text.replace(f"self.{name}", "")]
        assert path.name == "private.py" or not used, (path, used)
