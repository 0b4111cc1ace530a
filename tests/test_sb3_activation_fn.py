"""Activations of layers that stable-baselines3 makes itself are trained, copied and saved with their networks."""

from __future__ import annotations

import pytest
import torch
from stable_baselines3 import DQN, PPO, SAC
from torch import nn

from rrn.activations.rational import Rational, RecurrentRational
from rrn.sb3 import ActivationFn, policy_kwargs

SMALL = {"n_steps": 64, "batch_size": 32, "n_epochs": 1, "device": "cpu", "seed": 0}


def kwargs(act: str = "recurrent_rational", **options) -> dict:
    return {"activation_fn": ActivationFn(act, sites=2, **options), "net_arch": [16, 16]}


def coefficients(policy: nn.Module) -> list[torch.Tensor]:
    return [part.numerator.detach().clone() for part in policy.modules() if isinstance(part, Rational)]


@pytest.mark.parametrize(("act", "number"), [("recurrent_rational", 2), ("rational", 4)])
def test_the_coefficients_of_ppo_are_trained(act, number):
    model = PPO("MlpPolicy", "CartPole-v1", policy_kwargs=kwargs(act), learning_rate=0.01, **SMALL)
    before = coefficients(model.policy)
    model.learn(64)
    after = coefficients(model.policy)
    assert len(before) == len(after) == number  # of the policy and of the value
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_target_network_of_dqn_has_its_own_which_follow():
    model = DQN("MlpPolicy", "CartPole-v1", policy_kwargs=kwargs(), learning_starts=8, target_update_interval=20)
    model.learn(19)
    online, target = coefficients(model.q_net), coefficients(model.q_net_target)
    assert len(online) == len(target) == 1
    assert not torch.equal(online[0], target[0])
    model._on_step()
    model.q_net_target.load_state_dict(model.q_net.state_dict())
    assert torch.equal(coefficients(model.q_net_target)[0], coefficients(model.q_net)[0])


def test_critics_and_actor_of_sac_share_nothing():
    model = SAC("MlpPolicy", "Pendulum-v1", policy_kwargs=kwargs("rational"), learning_starts=10, buffer_size=100)
    before = coefficients(model.policy)
    model.learn(14)
    after = coefficients(model.policy)
    assert len(before) == 2 * 5  # the actor, two critics, and the target of each
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_saved_model_is_the_same(tmp_path):
    model = PPO("MlpPolicy", "CartPole-v1", policy_kwargs=kwargs(init="tanh"), **SMALL)
    model.learn(64)
    model.save(tmp_path / "model.zip")
    loaded = PPO.load(tmp_path / "model.zip", device="cpu")
    seen = torch.randn(5, 4)
    mine, theirs = (policy.get_distribution(seen).distribution.logits for policy in (model.policy, loaded.policy))
    assert torch.equal(mine, theirs)


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        (("rational", 0), {}, "sites: expected the number of hidden layers of each network, got 0"),
        (("rational", True), {}, "sites: expected"),
        (("rational", 2), {"per": "channel"}, "per: expected tensor"),
        (("rationl", 2), {}, r"no such activation 'rationl'\. Did you mean rational\?"),
    ],
)
def test_a_mistake_is_a_sentence(words, options, message):
    with pytest.raises(ValueError, match=message):
        ActivationFn(*words, **options)


def test_again_is_answered_with_what_to_take():
    with pytest.raises(ValueError, match="For one rational at all layers: recurrent_rational"):
        policy_kwargs(RecurrentRational("relu").again)
