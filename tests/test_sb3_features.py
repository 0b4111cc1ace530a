"""The network that agents of stable-baselines3 get from us: its layers, its activations, their options."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import yaml
from gymnasium import spaces
from helpers.paths import ROOT
from stable_baselines3.common.torch_layers import NatureCNN
from torch import nn

import rrn
from rrn.activations.baselines import CReLU, DSiLU
from rrn.activations.rational import Rational, RecurrentRational, SharedRational
from rrn.activations.sites import named_activations, named_rationals
from rrn.sb3 import Features, policy_kwargs

PIXELS = spaces.Box(0, 255, (4, 84, 84), np.uint8)
VECTOR = spaces.Box(-1, 1, (6,))


def test_the_types_are_those_of_the_name():
    def types(act, space=PIXELS):
        return [type(module) for _, module in named_activations(Features(space, act))]

    assert types("relu") == [nn.ReLU] * 4
    assert types("crelu", VECTOR) == [CReLU] * 2
    assert types("d_silu") == [nn.SiLU, nn.SiLU, DSiLU, DSiLU]
    assert types("d_silu", VECTOR) == [nn.SiLU, DSiLU]
    assert types("rational") == [Rational] * 4
    assert types("recurrent_rational") == [RecurrentRational, SharedRational, SharedRational, SharedRational]


def test_the_layers_are_those_of_the_paper_and_crelu_doubles_their_inputs():
    def layers(act, space=PIXELS, **options):
        weights = Features(space, act, **options).layers.named_parameters()
        return {name.removesuffix(".weight"): list(p.shape[:2]) for name, p in weights if name.endswith(".weight")}

    assert layers("relu") == {"conv1": [32, 4], "conv2": [64, 32], "conv3": [64, 64], "hidden": [512, 3136]}
    assert layers("crelu") == {"conv1": [32, 4], "conv2": [64, 64], "conv3": [64, 128], "hidden": [512, 6272]}
    assert layers("relu", VECTOR) == {"hidden1": [64, 6], "hidden2": [64, 64]}
    assert layers("crelu", VECTOR, hidden=(8, 16, 4)) == {"hidden1": [8, 6], "hidden2": [16, 16], "hidden3": [4, 32]}
    assert Features(PIXELS, "crelu").features_dim == 1024
    assert Features(VECTOR, "crelu", hidden=[8]).features_dim == 16


@pytest.mark.parametrize("act", ["relu", "rational"])
def test_the_convolutions_equal_those_of_stable_baselines3(act):
    ours, theirs = Features(PIXELS, "relu"), NatureCNN(PIXELS)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    if act == "rational":
        for network in (ours, theirs):
            rrn.replace_activations(network, "rational")
    x = torch.rand(8, 4, 84, 84)
    assert torch.allclose(ours(x), theirs(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("act", ["rational", "recurrent_rational"])
def test_the_options_of_the_yaml_file_are_accepted_and_are_the_defaults(act):
    options = yaml.safe_load((ROOT / "conf/act/rational.yaml").read_text("utf-8"))
    del options["name"]
    assert {"init", "share", "lr", "delay", "from"} < options.keys()
    space = spaces.Box(0, 255, (1, 36, 36), np.uint8)
    told, untold = (policy_kwargs(act, **chosen)["features_extractor_kwargs"] for chosen in (options, {}))
    networks = [[module for _, module in named_rationals(Features(space, **kwargs))] for kwargs in (told, untold)]
    for one, other in zip(*networks, strict=True):
        assert repr(one) == repr(other) == repr(rrn.Rational()).replace("Rational", type(one).__name__)
        assert torch.equal(one.numerator, other.numerator)
    renamed = {("from_run" if name == "from" else name): value for name, value in options.items()}
    assert policy_kwargs(act, **renamed)["features_extractor_kwargs"] == told


def test_options_reach_the_rationals():
    kwargs = policy_kwargs("rational", degrees=[3, 2], version="B", init="tanh", share=[1, 1, 1, 2])
    acts = [module for _, module in named_activations(Features(PIXELS, **kwargs["features_extractor_kwargs"]))]
    assert [type(act) for act in acts] == [RecurrentRational, SharedRational, SharedRational, Rational]
    assert (acts[3].degrees, acts[3].version, acts[3].init) == ((3, 2), "B", "tanh")
    per_channel = [act.groups for _, act in named_rationals(Features(PIXELS, "rational", per="channel"))]
    assert per_channel == [32, 64, 64, 512]
    shared = Features(VECTOR, "recurrent_rational", per="channel", hidden=(8, 8))
    assert [act.groups for _, act in named_rationals(shared)] == [8]
