"""The agents of stable-baselines3 with these activations: where they are, that they learn, that a file brings them."""

from __future__ import annotations

import itertools
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3
import torch
from gymnasium import spaces
from torch import nn

import rrn
from rrn.activations.rational import SharedRational
from rrn.activations.registry import ACTIVATIONS, make_activations
from rrn.activations.sites import named_activations, named_rationals
from rrn.sb3 import policy_kwargs

POLICIES = {"CnnPolicy": 4, "MlpPolicy": 2}  # places of a network
SMALL = {
    "DQN": {"buffer_size": 100, "learning_starts": 8, "batch_size": 8, "train_freq": 1, "target_update_interval": 1000},
    "PPO": {"n_steps": 16, "batch_size": 16, "n_epochs": 1},
    "A2C": {"n_steps": 16},
}
NETWORKS = {"DQN": ["q_net.features_extractor", "q_net_target.features_extractor"], "PPO": ["features_extractor"]}
PIXELS = spaces.Box(0, 255, (4, 84, 84), np.uint8)
VECTOR = spaces.Box(-1, 1, (6,))
agents = pytest.mark.parametrize("agent", ["DQN", "PPO"])
policies = pytest.mark.parametrize("policy", POLICIES)


class Noise(gym.Env):
    """Random observations; the reward is 1."""

    action_space = spaces.Discrete(3)

    def __init__(self, observation_space: spaces.Space):
        self.observation_space = observation_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 1.0, False, False, {}


def make(agent: str, policy: str, kwargs: dict | None, env: gym.Env | None = None, **settings):
    default = "CartPole-v1" if policy == "MlpPolicy" else Noise(spaces.Box(0, 255, (36, 40, 3), np.uint8))
    settings = {"seed": 0, "device": "cpu", **SMALL[agent], **settings}
    return getattr(stable_baselines3, agent)(policy, env or default, policy_kwargs=kwargs, **settings)


def networks(model, agent: str) -> list[nn.Module]:
    return [model.policy.get_submodule(name) for name in NETWORKS[agent]]


def observations(model, count: int = 20) -> np.ndarray:
    space = model.observation_space
    if isinstance(space, spaces.Box) and not space.is_bounded():
        return np.random.default_rng(0).normal(size=(count, *space.shape)).astype(np.float32)
    space.seed(0)
    return np.stack([space.sample() for _ in range(count)])


@agents
@policies
@pytest.mark.parametrize("act", ACTIVATIONS)
def test_each_network_has_the_activation_at_each_place_and_no_other(agent, policy, act):
    model = make(agent, policy, policy_kwargs(act))
    count = POLICIES[policy]
    expected = [type(module) for module in make_activations(act, count)]
    found = list(named_activations(model.policy))
    names = [f"{network}.layers.act{i}" for network in NETWORKS[agent] for i in range(1, count + 1)]
    assert [name for name, _ in found] == names
    assert [type(module) for _, module in found] == expected * len(NETWORKS[agent])
    assert len({id(module) for _, module in found}) == len(found)
    with torch.no_grad():
        assert model.policy(model.policy.obs_to_tensor(observations(model))[0]) is not None


@agents
@policies
def test_a_recurrent_rational_is_one_pair_of_parameters_in_each_network(agent, policy):
    model = make(agent, policy, policy_kwargs("recurrent_rational"))
    own = networks(model, agent)
    for network in own:
        (owner,) = (module for _, module in named_rationals(network))
        assert [name for name in network.state_dict() if "act" in name] == [
            f"layers.act1.{key}" for key in ("numerator", "denominator", "_extra_state")
        ]
        assert all(place.owner is owner for _, place in named_activations(network) if isinstance(place, SharedRational))
    trained = [id(p) for group in model.policy.optimizer.param_groups for p in group["params"]]
    assert len(trained) == len(set(trained))
    ours = [id(p) for p in own[0].parameters() if len(p) == 1]
    assert len(ours) == 2
    assert set(ours) < set(trained)
    if agent == "DQN":
        assert not {id(p) for p in own[0].parameters()} & {id(p) for p in own[1].parameters()}


@agents
@policies
@pytest.mark.parametrize(
    ("act", "options"),
    [
        ("recurrent_rational", {"version": "D"}),
        ("rational", {"degrees": [3, 2], "version": "B", "init": "tanh"}),
        ("rational", {"per": "channel"}),
    ],
)
def test_the_coefficients_learn_and_those_of_the_target_network_wait(agent, policy, act, options):
    model = make(agent, policy, policy_kwargs(act, **options))
    before = {name: p.clone() for name, p in model.policy.named_parameters()}
    model.learn(32)
    after = dict(model.policy.named_parameters())
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    coefficients = {name for name in after if name.endswith(("numerator", "denominator"))}
    online = {name for name in coefficients if not name.startswith("q_net_target.")}
    assert online
    assert coefficients & changed == online
    assert all(p.isfinite().all() for p in after.values())
    if agent == "DQN":
        waiting = after["q_net_target.features_extractor.layers.act1.numerator"].clone()
        model.target_update_interval = 1
        model.learn(1, reset_num_timesteps=False)
        assert not torch.equal(after["q_net_target.features_extractor.layers.act1.numerator"], waiting)


@agents
@policies
def test_frozen_coefficients_stay(agent, policy):
    model = make(agent, policy, policy_kwargs("rational", trainable=False))
    before = [module.numerator.clone() for _, module in named_rationals(model.policy)]
    model.learn(16)
    assert all(torch.equal(m.numerator, b) for (_, m), b in zip(named_rationals(model.policy), before, strict=True))


@agents
@policies
@pytest.mark.parametrize("act", ["recurrent_rational", "crelu"])
def test_a_file_gives_the_same_agent(agent, policy, act, tmp_path):
    model = make(agent, policy, policy_kwargs(act))
    model.learn(32)
    model.save(tmp_path / "model.zip")
    seen = observations(model)
    loaded = type(model).load(tmp_path / "model.zip", device="cpu")
    expected = model.predict(seen, deterministic=True)[0]
    assert np.array_equal(loaded.predict(seen, deterministic=True)[0], expected)
    assert [type(m) for _, m in named_activations(loaded.policy)] == [
        type(m) for _, m in named_activations(model.policy)
    ]
    saved, got = model.policy.state_dict(), loaded.policy.state_dict()
    assert saved.keys() == got.keys()
    assert all(torch.equal(saved[name], got[name]) for name in saved)


@pytest.mark.slow
def test_a_file_gives_the_same_actions_in_a_process_that_imports_stable_baselines3_only(tmp_path):
    every = list(itertools.product(("DQN", "PPO"), ("CnnPolicy", "MlpPolicy"), ("recurrent_rational", "crelu")))
    script, expected = "import numpy, stable_baselines3 as sb3\n", []
    for i, (agent, policy, act) in enumerate(every):
        model = make(agent, policy, policy_kwargs(act))
        model.learn(32)
        model.save(tmp_path / f"{i}.zip")
        seen = observations(model)
        np.save(tmp_path / f"{i}.npy", seen)
        expected.append(model.predict(seen, deterministic=True)[0])
        script += (
            f"model = sb3.{agent}.load('{i}.zip', device='cpu')\n"
            f"numpy.save('{i}_actions.npy', model.predict(numpy.load('{i}.npy'), deterministic=True)[0])\n"
        )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=900)
    for i, actions in enumerate(expected):
        assert np.array_equal(np.load(tmp_path / f"{i}_actions.npy"), actions), every[i]


@agents
def test_a_loaded_agent_learns_on(agent, tmp_path):
    model = make(agent, "MlpPolicy", policy_kwargs("recurrent_rational"))
    model.learn(32)
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model", env=model.env, device="cpu")
    before = next(module for _, module in named_rationals(loaded.policy)).numerator.clone()
    loaded.learn(32, reset_num_timesteps=False)
    assert not torch.equal(next(module for _, module in named_rationals(loaded.policy)).numerator, before)


@agents
def test_with_relu_the_agent_is_the_one_that_stable_baselines3_makes_from_this_seed(agent):
    ours = make(agent, "CnnPolicy", policy_kwargs("relu"))
    theirs = make(agent, "CnnPolicy", None)
    ours_now, theirs_now = list(ours.policy.parameters()), list(theirs.policy.parameters())
    assert all(torch.equal(a, b) for a, b in zip(ours_now, theirs_now, strict=True))
    x = ours.policy.obs_to_tensor(observations(ours))[0]
    outputs = [
        m.q_net(x) if agent == "DQN" else m.policy.get_distribution(x).distribution.logits for m in (ours, theirs)
    ]
    assert torch.allclose(*outputs, atol=1e-5)


def test_each_network_of_ppo_has_its_own_activations_when_nothing_is_shared():
    kwargs = {**policy_kwargs("recurrent_rational"), "share_features_extractor": False}
    model = make("PPO", "MlpPolicy", kwargs)
    policy, value = model.policy.pi_features_extractor, model.policy.vf_features_extractor
    (one,), (other,) = (list(named_rationals(network)) for network in (policy, value))
    assert one[1].numerator is not other[1].numerator
    model.learn(16)
    assert not torch.equal(one[1].numerator, other[1].numerator)


def test_a2c_takes_them_too():
    model = make("A2C", "MlpPolicy", policy_kwargs("recurrent_rational", hidden=[32]))
    before = [p.clone() for p in model.policy.parameters()]
    model.learn(16)
    assert not any(map(torch.equal, model.policy.parameters(), before))
    assert [name for name, _ in named_activations(model.policy)] == ["features_extractor.layers.act1"]


@agents
def test_further_settings_of_the_policy_can_be_merged(agent):
    model = make(agent, "MlpPolicy", {**policy_kwargs("rational"), "optimizer_kwargs": {"eps": 0.5}})
    assert model.policy.optimizer.defaults["eps"] == 0.5


@agents
@pytest.mark.parametrize(
    ("space", "places_expected"),
    [
        (spaces.Box(0, 1, (2, 36, 50), np.float32), 4),
        (spaces.Box(-np.inf, np.inf, (2, 36, 36), np.float32), 4),
        (spaces.Box(0, 255, (40, 36, 1), np.uint8), 4),
        (spaces.Box(0, 1, (4, 10, 10), np.uint8), 2),
        (spaces.Box(0, 255, (3, 35, 84), np.uint8), 2),
        (spaces.Box(-1, 1, (3, 2), np.float64), 2),
        (spaces.Discrete(5), 2),
        (spaces.MultiDiscrete([3, 4]), 2),
        (spaces.MultiBinary(4), 2),
    ],
    ids=str,
)
def test_other_observations(agent, space, places_expected):
    model = make(agent, "MlpPolicy", policy_kwargs("rational"), Noise(space))
    model.learn(16)
    assert len(list(named_activations(networks(model, agent)[0]))) == places_expected


@pytest.mark.parametrize(("normalize", "scale"), [(True, 255), (False, 1)])
def test_pixels_are_divided_by_255_once_or_not_at_all(normalize, scale):
    kwargs = {**policy_kwargs("relu"), "normalize_images": normalize}
    model = make("DQN", "CnnPolicy", kwargs)
    seen, inputs = observations(model, 3), []
    model.q_net.features_extractor.register_forward_pre_hook(lambda _module, args: inputs.append(args[0]))
    model.predict(seen, deterministic=True)
    assert torch.allclose(inputs[0], torch.as_tensor(seen) / scale)


def test_rrn_has_the_module_for_stable_baselines3_when_it_is_asked_for(monkeypatch):
    """And not before: tests/test_cpu_time.py."""
    monkeypatch.delattr(rrn, "sb3")
    assert rrn.sb3.policy_kwargs is policy_kwargs
