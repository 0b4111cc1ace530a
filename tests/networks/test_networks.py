"""Networks by name and of one's own: their shapes, activation sites, parameters, and what does not fit."""

from __future__ import annotations

import pytest
import torch
from helpers.paths import DATA
from torch import nn

from rrn.activations.inspection.snapshots import read_snapshots
from rrn.activations.rational import coefficients_of
from rrn.activations.registry import ACTIVATIONS
from rrn.activations.sites import named_activations
from rrn.agents.dqn.noisy import make_noisy
from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.networks.base import PolicyAndValue
from rrn.networks.build import make_network, make_networks
from rrn.networks.init import orthogonal

PIXELS, MINATAR, VECTOR = ((84, 84), 4), ((4, 10, 10), 1), ((4,), 1)  # frame and stack
FITTING = [
    ("nature", PIXELS, 4),
    ("small", PIXELS, 3),
    ("impala", PIXELS, 14),
    ("impala", MINATAR, 14),
    ("minatar", MINATAR, 2),
    ("mlp", VECTOR, 2),
    ("mlp", MINATAR, 2),
]
OUTPUTS = 6


@pytest.fixture
def own(monkeypatch):
    """Classes of tests/data/own/toy.py can be imported."""
    monkeypatch.syspath_prepend(str(DATA / "own"))


def network_of(*words, shape=PIXELS, initialise=None):
    more = [] if initialise is None else [initialise]
    return make_network(compose_config(["act=relu", *words]), *shape, OUTPUTS, *more)


def size(module):
    return sum(p.numel() for p in module.parameters())


def sites(network):
    return [name for name, _ in named_activations(network.layers)]


@pytest.mark.parametrize(("name", "shape", "number"), FITTING)
@pytest.mark.parametrize("norm", ["null", "layer"])
def test_a_network_has_its_sites_and_maps_observations_to_outputs(name, shape, number, norm):
    network = network_of(f"network={name}", f"network.norm={norm}", "act=recurrent_rational", shape=shape)
    assert sites(network) == [f"act{i}" for i in range(1, number + 1)]
    frame, stack = shape
    observations = torch.randint(2, (3, stack, *frame), dtype=torch.uint8)
    out = network(observations)
    assert out.shape == (3, OUTPUTS)
    out.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    norms = [key for key, module in network.layers.named_modules() if isinstance(module, nn.GroupNorm)]
    assert norms == ([f"norm{i}" for i in range(1, number + 1)] if norm == "layer" else [])


def test_the_parameters_of_impala_are_those_of_its_fifteen_convolutions_and_two_layers():
    def conv(inputs, outputs):
        return 9 * inputs * outputs + outputs

    def expected(channels, inputs=4):
        total = 0
        for width in channels:
            total += conv(inputs, width) + 4 * conv(width, width)
            inputs = width
        return total + (11 * 11 * inputs + 1) * 256 + 257 * OUTPUTS

    assert size(network_of("network=impala")) == expected((16, 32, 32))
    wide = network_of("network=impala", "network.width=2")
    assert size(wide) == expected((32, 64, 64))
    assert sum(isinstance(module, nn.Conv2d) for module in wide.modules()) == 15


def test_the_small_network_has_the_576_features_of_data_efficient_rainbow():
    assert network_of("network=small").layers.hidden.in_features == 576


def test_widths_of_fully_connected_layers_are_free():
    network = network_of("network=mlp", "network.widths=[5,7,9]", shape=VECTOR)
    assert [layer.out_features for layer in network.layers if isinstance(layer, nn.Linear)] == [5, 7, 9, OUTPUTS]
    assert network.widths == (5, 7, 9)


@pytest.mark.parametrize(("shape", "name"), [(PIXELS, "nature"), (MINATAR, "minatar"), (VECTOR, "mlp")])
def test_the_default_is_the_network_for_the_observations_bit_for_bit(shape, name):
    states = []
    for words in ([], [f"network={name}"]):
        torch.manual_seed(5)
        states.append(network_of(*words, shape=shape).state_dict())
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


@pytest.mark.parametrize(
    ("words", "shape", "message"),
    [
        (["network=nature"], VECTOR, "network=nature: expected pixels, got observations of shape"),
        (["network=small"], VECTOR, "network=small: expected pixels"),
        (["network=impala"], VECTOR, "network=impala: expected pixels"),
        (["network=nature"], MINATAR, "network=nature: expected pixels of at least 36x36, got 10x10; leave network="),
        (["network=small"], MINATAR, "network=small: expected pixels of at least 25x25, got 10x10"),
        ([], ((2, 2, 2, 2), 1), "network=default: expected frames of 1 to 3 dimensions"),
        (["network.target=toy:Deaf"], VECTOR, "expected a network that calls activation"),
        (["network.target=toy:Hiding"], VECTOR, "expected each activation as an attribute of a module or in an"),
        (["network.target=toy:Branches", "network.kwargs={depth: 1}"], VECTOR, "unexpected keyword argument 'depth'"),
        (["network=mlp", "act=rational", "act.share=[1,1,2]"], VECTOR, "act.share: expected 2 numbers"),
        (["network=impala", "act=rational", "act.share=[1,2]"], PIXELS, "act.share: expected 14 numbers"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(own, words, shape, message):
    with pytest.raises(UserError) as error:
        network_of(*words, shape=shape)
    assert message in str(error.value)


def test_a_module_of_ones_own_is_built_as_if_once_and_keeps_its_weights(own):
    import toy

    torch.manual_seed(5)
    network = network_of("network.target=toy:Branches", shape=VECTOR, initialise=orthogonal)
    after = torch.rand(1)
    torch.manual_seed(5)

    class Activation:
        units = width_after = staticmethod(int)
        __call__ = staticmethod(lambda width: nn.ReLU())

    plain = toy.Branches((4,), OUTPUTS, Activation())
    assert torch.equal(torch.rand(1), after)
    assert sites(network) == ["acts.0", "acts.1"]
    assert all(torch.equal(value, network.layers.state_dict()[key]) for key, value in plain.state_dict().items())
    x = torch.randn(3, 1, 4)
    assert torch.equal(network(x), plain(x[:, 0]))


@pytest.mark.parametrize("words", [["network=mlp"], ["network.target=toy:Branches"]])
@pytest.mark.parametrize("act", ["rational", "recurrent_rational"])
def test_policy_and_value_share_no_layer_and_one_count_of_sites(own, act, words):
    config = compose_config([f"act={act}", *words])
    policy, value = make_networks(config, *VECTOR, [(5, lambda network: None), (1, orthogonal)])
    both = PolicyAndValue(policy, value)
    x = torch.randn(3, 1, 4)
    assert torch.equal(both(x), torch.cat((policy(x), value(x)), 1))
    assert both.outputs == 6
    found = sites(both)
    assert len(found) == len(both.widths) == 4
    assert {name.partition(".")[0] for name in found} == {"policy", "value"}
    owners = {coefficients_of(module) for _, module in named_activations(both.layers)}
    assert len(owners) == (4 if act == "rational" else 1)
    both(x)[:, -1].sum().backward()
    linear = [module for module in policy.modules() if isinstance(module, nn.Linear)]
    assert linear
    assert not any(module.weight.grad.any() for module in linear)


@pytest.mark.parametrize("act", ACTIVATIONS)
@pytest.mark.parametrize("words", [["network=impala"], ["network.target=toy:Pixels", "network.norm=layer"]])
def test_every_activation_suits_residual_networks(own, act, words):
    network = network_of(*words, f"act={act}", shape=MINATAR)
    out = network(torch.rand(2, 1, 4, 10, 10) < 0.5)
    assert out.shape == (2, OUTPUTS)
    assert out.isfinite().all()
    assert len(sites(network)) == len(network.widths) == (14 if words[0] == "network=impala" else 3)


@pytest.mark.parametrize("words", [["network=impala"], ["network.target=toy:Pixels"]])
def test_rationals_are_shared_and_have_rows_per_channel_in_residual_networks(own, words):
    recurrent = network_of(*words, "act=recurrent_rational", shape=MINATAR)
    assert sum("numerator" in name for name, _ in recurrent.named_parameters()) == 1
    number = len(sites(recurrent))
    share = [1] * (number - 1) + [2]
    shared = network_of(*words, "act=rational", f"act.share={share}", shape=MINATAR)
    assert sum("numerator" in name for name, _ in shared.named_parameters()) == 2
    rows = network_of(*words, "act=rational", "act.per=channel", shape=MINATAR)
    assert [len(module.numerator) for _, module in named_activations(rows.layers)] == list(rows.widths)


def test_a_class_can_ask_for_the_number_of_channels():
    words = ["act=torch.nn:PReLU", "act.kwargs={num_parameters: channels, init: 0.1}", "network=impala"]
    found = [module for _, module in named_activations(network_of(*words).layers)]
    assert [module.num_parameters for module in found] == [16] * 4 + [32] * 9 + [256]
    assert found[0].weight[0].item() == pytest.approx(0.1)
    assert network_of("act=torch.nn:Mish", "network=impala")(torch.zeros(1, 4, 84, 84)).shape == (1, OUTPUTS)


@pytest.mark.parametrize("act", ["crelu_equal", "fourier_equal"])
@pytest.mark.parametrize(("name", "shape", "number"), FITTING[:6])
def test_equal_activations_have_as_many_parameters_as_a_relu(act, name, shape, number):
    relu = network_of(f"network={name}", shape=shape)
    ratio = size(network_of(f"network={name}", f"act={act}", shape=shape)) / size(relu)
    assert ratio == pytest.approx(1, abs=0.03 if (name, shape) != ("impala", MINATAR) else 0.05)


def test_layer_normalisation_is_that_of_all_units_of_an_observation():
    network = network_of("network.norm=layer")
    seen = []
    for norm in (network.layers.norm1, network.layers.norm4):
        norm.register_forward_hook(lambda module, inputs, output: seen.append((inputs[0], output)))
    network(torch.randint(256, (5, 4, 84, 84), dtype=torch.uint8))
    for x, y in seen:
        assert torch.allclose(y, nn.functional.layer_norm(x, x.shape[1:]), atol=1e-4)


def test_selu_starts_with_weights_of_variance_one_over_inputs():
    network = network_of("act=selu")
    assert network.layers.hidden.weight.std().item() == pytest.approx(3136**-0.5, rel=0.02)
    assert network.layers.output.weight.abs().max() <= (6 / (512 + OUTPUTS)) ** 0.5


def test_noisy_layers_replace_all_linear_layers_of_any_network(own):
    for words in (["network=impala"], ["network.target=toy:Pixels"]):
        network = network_of(*words, shape=MINATAR)
        make_noisy(network)
        assert network(torch.zeros(2, 1, 4, 10, 10)).shape == (2, OUTPUTS)
        linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
        assert {type(module).__name__ for module in linear} == {"NoisyLinear"}
        assert len(linear) == 2


def test_the_folder_of_a_run_names_the_network_unless_it_is_the_default():
    folders = {
        (): "dqn-relu",
        ("network=impala",): "dqn-relu-impala",
        ("network.norm=layer",): "dqn-relu-layernorm",
        ("network.target=my.nets:Net", "network.norm=layer"): "dqn-relu-Net-layernorm",
    }
    for words, folder in folders.items():
        assert compose_config(["act=relu", *words]).run_dir == f"runs/Pong/{folder}/seed0"


@pytest.mark.slow
@pytest.mark.parametrize(("words", "site"), [(["network=impala"], "act13"), (["network.target=toy:Pixels"], "acts.1")])
def test_a_run_with_any_network_is_measured_evaluated_reported_and_taken_over(own, train_here, command, words, site):
    small = [
        "experiment=smoke",
        "env=MinAtar-Breakout",
        "agent.batch_size=4",
        "steps=60",
        "evaluation.every=60",
        "log_every=20",
    ]
    folder = train_here(*small, "act=rational", *words, "checkpoint.every=60")
    last = read_snapshots(folder)[-1]
    assert site in last.places
    assert last.places[site].inputs.counts.sum() > 0
    log = (folder / "scalars.csv").read_text()
    for measure in ("dormant", "weight_norm", "gradient_norm", "moved", "moved_since_start"):
        assert f"plasticity/{measure}/{site}," in log
    assert "plasticity/effective_rank," in log
    assert f"coefficients/{site}/a0," in log
    played = command("rrn.evaluate", str(folder), "episodes=1", "replace=best_fit")
    assert played.returncode == 0, played.stderr
    assert f"{site} is replaced by" in played.stdout
    assert "rational" in command("rrn.report", str(folder)).stdout
    again = train_here(*small, "act=rational", *words, f"act.from={folder}", "steps=10", f"run_dir={folder.parent}/new")
    assert read_snapshots(again)[0].places[site].numerator == last.places[site].numerator
