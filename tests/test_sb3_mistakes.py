"""What rrn.sb3 cannot do is refused in a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces
from torch import nn

from rrn.sb3 import Features, policy_kwargs

PIXELS = spaces.Box(0, 255, (4, 84, 84), np.uint8)
VECTOR = spaces.Box(-1, 1, (6,))


@pytest.mark.parametrize(
    ("act", "options", "message"),
    [
        ("recurrent-rational", {}, r"act: no such activation 'recurrent-rational'\. Did you mean recurrent_rational\?"),
        ("ReLU", {}, r"Did you mean relu\?"),
        ("no_such", {}, r"act: no such activation 'no_such'\. Choose one of crelu, "),
        (nn.ReLU, {}, "act: expected the name of an activation"),
        ("rational", {"degree": [3, 2]}, r"degree: no such option of rational\. Did you mean degrees\?"),
        ("relu", {"version": "A"}, r"version: no such option of relu\. Choose one of hidden\."),
        ("rational", {"version": "E"}, "version: expected one of A, B"),
        ("rational", {"degrees": [3]}, "degrees: expected two whole numbers"),
        ("rational", {"init": "tan"}, "init: expected one of "),
        ("rational", {"preset": "l3"}, "preset: expected one of "),
        ("rational", {"per": "layer"}, "per: expected tensor or channel, got 'layer'"),
        ("rational", {"lr": 1e-4}, "lr: expected None, got 0.0001; stable-baselines3 sets one learning rate"),
        ("rational", {"delay": "25epochs"}, "delay: expected None"),
        ("rational", {"from": "runs/Pong"}, "from: expected None"),
        ("relu", {"hidden": []}, "hidden: expected whole numbers of at least 1"),
        ("relu", {"hidden": 64}, "hidden: expected whole numbers"),
        ("relu", {"hidden": (64, 0)}, "hidden: expected whole numbers"),
    ],
)
def test_a_mistake_in_the_activation_is_a_sentence_before_there_is_a_network(act, options, message):
    with pytest.raises(ValueError, match=message):
        policy_kwargs(act, **options)


@pytest.mark.parametrize(
    ("space", "options", "message"),
    [
        (spaces.Dict({"x": VECTOR}), {}, r"observations: expected pixels \[C, H, W\] or one vector, got Dict"),
        (spaces.Tuple([VECTOR]), {}, "FlattenObservation"),
        (spaces.Box(0, 1, (2, 3, 36, 36)), {}, "observations: expected pixels"),
        (spaces.Box(0, 255, (3, 4, 84), np.uint8), {}, r"of at least 5x5, .* got \[3, 4, 84\]"),
        (spaces.Box(0, 1, (84, 84, 3)), {}, "put the channels first"),
        (spaces.Box(0, 255, (3, 84, 84), np.float32), {}, "which stable-baselines3 does not divide by 255"),
        (PIXELS, {"share": [1, 1]}, "share: expected 4 numbers"),
        (
            PIXELS,
            {"share": [1, 1, 2, 3], "per": "channel"},
            "per=channel: site 1 has 32 channels, others that share it 64",
        ),
    ],
    ids=str,
)
def test_a_mistake_in_the_observations_is_a_sentence(space, options, message):
    with pytest.raises(ValueError, match=message):
        Features(space, "rational", **options)
