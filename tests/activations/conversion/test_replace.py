"""Models of others with rational activations: what is replaced, from what it starts, and what is told."""

from __future__ import annotations

import copy
import importlib

import pytest
import stable_baselines3 as sb3
import torch
from helpers.marks import slow
from torch import nn
from torch.nn import functional as F

import rrn
from rrn import Rational, RecurrentRational
from rrn.activations.rational import SharedRational
from rrn.activations.sites import named_activations


@pytest.fixture(scope="module")
def vision():
    """torchvision's models. They need none of its compiled operators, which may be missing beside torch for CPUs."""
    try:
        return importlib.import_module("torchvision.models")
    except RuntimeError:
        for name in ("nms", "qnms"):  # what the import looks for
            torch.library.define(f"torchvision::{name}", "(Tensor a, Tensor b, float c) -> Tensor")
        return importlib.import_module("torchvision.models")


@pytest.mark.slow
def test_a_converted_resnet_gives_the_outputs_of_the_original_within_the_error_of_the_fit(vision):
    model = vision.resnet18().eval()
    rrn.replace_activations(model, {nn.ReLU: nn.SiLU})
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        before = model(x)
        model, report = rrn.replace_activations(model, "rational")
        after = model(x)
    assert len(report.replaced) == 9
    assert set(report.replaced.values()) == {"SiLU -> Rational(silu)"}
    assert (after - before).abs().max() < 1e-3 * before.std()  # the fit of silu is within 5e-7 on [-3, 3]


@pytest.mark.slow
def test_a_converted_resnet_with_relu_has_the_preset_at_each_place(vision):
    model = vision.resnet18().eval()
    x = torch.randn(2, 3, 32, 32)
    model, _ = rrn.replace_activations(model, "rational")
    differences = []
    for _, place in named_activations(model):
        place.register_forward_hook(
            lambda _module, inputs, output: differences.append((output - inputs[0].relu())[inputs[0].abs() < 3])
        )
    with torch.no_grad():
        model(x)
    assert len(differences) == 17  # nine modules, eight of which a block uses twice
    assert 0 < torch.cat([d.flatten() for d in differences]).abs().max() < 0.03


@pytest.mark.slow
def test_a_model_that_calls_functions_is_left_and_the_report_says_where(vision):
    model = vision.googlenet(init_weights=False).eval()
    x = torch.randn(1, 3, 64, 64)
    before = model(x)
    _, report = rrn.replace_activations(model, "rational")
    assert report.replaced == {}
    assert len(report.functional) == 57  # the convolutions; the two auxiliary classifiers are for training
    assert report.functional["inception3a.branch1"] == "relu"
    assert "inception3a.branch1" in str(report)
    assert torch.equal(model(x), before)


class Network(nn.Module):
    """Activations in every way: a module, one module twice, a function, a method, an attribute."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)
        self.act = self.same = nn.ReLU(inplace=True)
        self.blocks = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.ModuleList([nn.Identity()])[0])
        self.function = F.leaky_relu
        self.register_buffer("calls", torch.zeros(()))
        self.count = 0

    def forward(self, x):
        self.calls += 1
        self.count += 1
        x = self.same(self.act(self.first(x)))
        return self.last(torch.relu(self.blocks(x)).sigmoid() + torch.rand(1))


def test_a_module_at_two_places_stays_one_and_functions_are_found_without_running_the_model():
    model = Network()
    state = torch.get_rng_state()
    model, report = rrn.replace_activations(model, "rational")
    assert model.act is model.same
    assert isinstance(model.act, Rational)
    assert list(report.replaced) == ["act", "same", "blocks.1"]
    assert report.functional == {"": "leaky_relu, relu, sigmoid"}
    assert report.untraceable is None
    assert (model.calls, model.count) == (0, 0)
    assert torch.equal(torch.get_rng_state(), state)
    assert sum(p.numel() for p in report.parameters) == 2 * 10


def test_a_model_that_cannot_be_followed_is_followed_in_parts():
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.part, self.act = Network(), nn.ReLU()

        def forward(self, x):
            return self.act(x) if x.sum() > 0 else self.part(x)

    _, report = rrn.replace_activations(Branching(), {nn.ReLU: lambda: Rational("relu")})
    assert report.functional == {"part": "relu"}  # of the types that were asked for
    assert "in the model itself" in report.untraceable
    assert report.untraceable in str(report)


def test_training_flag_device_and_type_are_kept():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2).double(), nn.ReLU(), nn.ReLU().eval())
    model.append(nn.Linear(2, 2, device="meta")).append(nn.ReLU())
    model, _ = rrn.replace_activations(model, "rational")
    acts = [module for module in model if isinstance(module, Rational)]
    assert [act.numerator.dtype for act in acts] == [torch.float32, torch.float64, torch.float64, torch.float32]
    assert [act.training for act in acts] == [True, True, False, True]
    assert [act.numerator.device.type for act in acts] == ["cpu", "cpu", "cpu", "meta"]


def test_the_model_itself_can_be_an_activation():
    act, report = rrn.replace_activations(nn.Tanh().eval(), "recurrent_rational")
    assert isinstance(act, RecurrentRational)
    assert not act.training
    assert report.replaced == {"": "Tanh -> RecurrentRational(tanh)"}
    assert "the model itself" in str(report)


@pytest.mark.parametrize(
    "module",
    [
        nn.ReLU(inplace=True),
        nn.LeakyReLU(),
        nn.Tanh(),
        nn.Sigmoid(),
        nn.SiLU(),
        nn.GELU(),
        nn.ELU(2.0),
        nn.PReLU(init=-0.2),
        *slow(nn.Hardswish(inplace=True), nn.RReLU(0.0, 0.8)),  # as the last two, each is fitted
    ],
    ids=repr,
)
def test_each_rational_starts_as_what_stood_there(module):
    x = torch.linspace(-3, 3, 301)
    expected = module.eval()(x.clone()).detach()
    module.train()
    model, _ = rrn.replace_activations(nn.Sequential(module), "rational")
    assert (model(x) - expected).abs().max() < (0.08 if "ReLU" in repr(module) else 0.06)
    assert (model(x) - expected).square().mean().sqrt() < 0.02


def test_a_recurrent_rational_starts_as_what_stood_at_most_places_and_is_one():
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.SiLU(), nn.Linear(2, 2), nn.SiLU())
    model, report = rrn.replace_activations(model, "recurrent_rational")
    assert isinstance(model[1], RecurrentRational)
    assert isinstance(model[4], SharedRational)
    assert model[1] is model[2].owner is model[4].owner
    assert model[1].init == "silu"
    assert len(report.parameters) == 2
    assert set(model.state_dict()) >= {"1.numerator", "1.denominator"}
    assert not any(key.startswith(("2.", "4.")) for key in model.state_dict())


@pytest.mark.parametrize("by", ["rational", "recurrent_rational"])
def test_the_new_rationals_have_the_options(by):
    model, report = rrn.replace_activations(
        nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.SiLU()), by, degrees=(3, 2), version="B", train_denominator=False
    )
    for _, place in named_activations(model):
        found = getattr(place, "owner", place)
        assert (found.degrees, found.version, found.denominator.requires_grad) == ((3, 2), "B", False)
    assert torch.allclose(model[1](torch.ones(1)), torch.ones(1).tanh(), atol=0.02)
    assert all(p.shape == (1, 4) for p in report.parameters)  # numerators


def test_only_the_exact_type_is_replaced_and_the_report_tells_the_others():
    class Mine(nn.ReLU):
        pass

    kept = Rational("tanh")
    model = nn.Sequential(Mine(), nn.PReLU(3), nn.ReLU(), nn.ReLU6(), kept)
    _, report = rrn.replace_activations(model, "rational")
    assert list(report.replaced) == ["2", "3"]
    assert report.left == {
        "0": "Mine, which is derived from ReLU",
        "1": "PReLU with a slope for each channel",
    }
    assert model[4] is kept


def test_factories_are_called_once_for_each_module():
    model = nn.Sequential(nn.ReLU(), nn.ReLU(), nn.Tanh())
    made = iter([rrn.Rational("relu", version="B"), rrn.RationalChain("relu")])
    model, report = rrn.replace_activations(model, {nn.ReLU: lambda: next(made)})
    assert list(report.replaced.values()) == ["ReLU -> Rational(relu)", "ReLU -> RationalChain"]
    assert isinstance(model[2], nn.Tanh)


@pytest.mark.slow
@pytest.mark.parametrize("networks", [None, ["q_net", "q_net_target"]])
def test_stable_baselines3_dqn_learns_the_coefficients_of_the_online_network(networks):
    agent = sb3.DQN("MlpPolicy", "CartPole-v1", learning_starts=10, seed=0, target_update_interval=20, device="cpu")
    if networks is None:
        with pytest.raises(ValueError, match=r"q_net_target\.q_net\.1.*networks="):
            rrn.replace_activations(agent.policy, "recurrent_rational")
        assert not list(m for m in agent.policy.modules() if isinstance(m, Rational))
    by = "rational" if networks is None else "recurrent_rational"
    _, report = rrn.replace_activations(agent.policy, by, networks)
    online, target = ([m for _, m in named_activations(net)] for net in (agent.q_net, agent.q_net_target))
    assert len(online) == len(target) == 2
    before = copy.deepcopy(online[0])
    agent.learn(40)  # two copies to the target network
    assert not torch.equal(online[0].numerator, before.numerator)
    assert target[0].numerator.abs().sum() > 0
    assert not torch.equal(target[0].numerator, before.numerator)
    one = networks is not None
    assert len(report.parameters) == (4 if one else 8)
    assert len(report.untrained) == len(report.parameters) // 2  # those of the target network
    assert isinstance(online[1], SharedRational if one else Rational)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["MlpPolicy", "CnnPolicy"])
def test_stable_baselines3_ppo_keeps_its_actions_and_trains_the_rationals(policy):
    env = "CartPole-v1"
    if policy == "CnnPolicy":
        import gymnasium as gym

        class Pictures(gym.Env):
            observation_space = gym.spaces.Box(0, 255, (36, 36, 3), "uint8")
            action_space = gym.spaces.Discrete(3)

            def reset(self, *, seed=None, options=None):
                super().reset(seed=seed)
                return self.observation_space.sample(), {}

            def step(self, action):
                return self.observation_space.sample(), 1.0, False, False, {}

        env = Pictures()
    agent = sb3.PPO(policy, env, n_steps=32, batch_size=16, n_epochs=1, seed=0, device="cpu")
    observation = torch.as_tensor(agent.env.reset())
    if policy == "CnnPolicy":
        agent.policy.features_extractor.cnn.eval()
    before = agent.policy.predict_values(observation)
    _, report = rrn.replace_activations(agent.policy, "recurrent_rational")
    # tanh within 1e-6; relu within 0.013, four times over
    assert (agent.policy.predict_values(observation) - before).abs().max() < (1e-4 if policy == "MlpPolicy" else 0.2)
    assert (len(report.parameters), len(report.untrained)) == (2, 0)
    started = report.parameters[0].clone()
    agent.learn(32)
    assert not torch.equal(report.parameters[0], started)


def test_an_optimizer_outside_of_the_model_is_told_of():
    model, report = rrn.replace_activations(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), "rational")
    assert report.untrained == report.parameters
    assert "add_param_group" in str(report)
    assert {id(p) for p in report.parameters} < {id(p) for p in model.parameters()}


@torch.no_grad()
def test_torchs_fused_transformer_uses_the_rational():
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation=nn.ReLU(), batch_first=True, dropout=0.0)
    model = nn.TransformerEncoder(layer, 2)
    x, mask = torch.randn(3, 5, 8), torch.arange(5) > torch.tensor([[2], [3], [4]])
    model, report = rrn.replace_activations(model, {nn.ReLU: lambda: Rational(([0.0, 0, 1], [0.0]), (2, 1))})
    assert len(report.replaced) == 2
    training = model(x, src_key_padding_mask=mask)
    model.eval()  # where torch would take its fused path
    assert torch.allclose(model(x, src_key_padding_mask=mask)[~mask], training[~mask], atol=1e-5)


@pytest.mark.parametrize(
    ("model", "by", "networks", "message"),
    [
        (F.relu, "rational", None, "model: expected a torch.nn.Module, got "),
        (nn.ReLU(), "rationals", None, "by: expected rational, recurrent_rational, or"),
        (nn.ReLU(), {nn.ReLU: Rational()}, None, "by: expected"),
        (nn.ReLU(), {"ReLU": Rational}, None, "by: expected"),
        (nn.ReLU(), {}, None, "by: expected"),
        (nn.ReLU(), {nn.ReLU: lambda: 3}, None, "by: expected a function that makes a module for ReLU, it made 3"),
        (nn.ReLU(), "recurrent_rational", ["q"], "networks: expected names of parts"),
        (nn.ReLU(), "recurrent_rational", "q", "networks: expected names of parts"),
    ],
)
def test_a_mistake_is_a_sentence(model, by, networks, message):
    with pytest.raises(ValueError, match=message):
        rrn.replace_activations(model, by, networks)


@pytest.mark.parametrize(
    ("by", "options", "message"),
    [
        ("rational", {"degree": (3, 2)}, "degree: expected an option of .* Did you mean degrees?"),
        ("rational", {"device": "cpu"}, "device: expected an option of"),
        ("recurrent_rational", {"version": "E"}, "version: expected one of A, B, C, D, N"),
        ({nn.ReLU: Rational}, {"version": "B"}, "version: expected an option of the rationals that `by` names"),
    ],
)
def test_a_mistake_in_an_option_is_a_sentence_and_the_model_stays(by, options, message):
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    with pytest.raises(ValueError, match=message):
        rrn.replace_activations(model, by, **options)
    assert type(model[1]) is nn.ReLU


def test_a_parametrization_is_no_activation():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    nn.utils.parametrize.register_parametrization(model[0], "weight", nn.Softplus())
    _, report = rrn.replace_activations(model, "recurrent_rational")
    assert list(report.replaced) == ["1"]
    assert isinstance(model[0].parametrizations.weight[0], nn.Softplus)
