"""MinAtar behind our interface: the games of its authors, step by step."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from minatar import Environment

from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.config.games import MINATAR_GAMES
from rrn.envs import make_envs
from rrn.networks.build import make_network


def games_of(name, copies=2, **options):
    config = compose_config([f"env={name}", *(f"env.{key}={value}" for key, value in options.items())])
    return make_envs(config.env, copies, (7,))


@pytest.mark.parametrize("name", MINATAR_GAMES)
def test_the_games_are_those_of_the_package(name):
    games = games_of(name)
    plain = [Environment(MINATAR_GAMES[name], sticky_action_prob=0.1, difficulty_ramping=True) for _ in range(2)]

    def start(env):
        plain[env].seed(games.episode_seed(env))
        plain[env].last_action = 0
        plain[env].reset()

    start(0), start(1)
    totals, ends = [0.0, 0.0], 0
    for actions in np.random.default_rng(0).integers(0, games.num_actions, (3000, 2)):
        for env in range(2):
            assert np.array_equal(games.observations[env, 0], plain[env].state().transpose(2, 0, 1))
        step = games.step(actions)
        for env in range(2):
            reward, over = plain[env].act(int(actions[env]))
            totals[env] += reward
            assert step.rewards[env] == reward
            assert step.terminated[env] == step.done[env] == over
            if over:
                assert np.array_equal(step.final_frames[env], plain[env].state().transpose(2, 0, 1))
                game = next(game for game in step.episodes if game.env == env)
                assert game.score == totals[env]
                start(env)
                totals[env], ends = 0.0, ends + 1
    assert ends >= 2
    assert games.frame_shape == (plain[0].n_channels, 10, 10)


def test_the_step_cap_cuts_a_game_off():
    games = games_of("MinAtar-Freeway", step_cap=30)
    for number in range(1, 91):
        step = games.step(np.array([0, 1]))
        assert (step.truncated == (number % 30 == 0)).all()
        assert not step.terminated.any()
        assert (step.done == step.truncated).all()


def test_the_network_is_the_one_of_the_paper():
    config = compose_config(["env=MinAtar-Seaquest", "act=rational"])
    games = games_of("MinAtar-Seaquest")
    network = make_network(config, games.frame_shape, games.stack, 6)
    shapes = {name: list(p.shape) for name, p in network.named_parameters() if name.endswith("weight")}
    assert shapes == {
        "layers.conv1.weight": [16, 10, 3, 3],
        "layers.hidden.weight": [128, 1024],
        "layers.output.weight": [6, 128],
    }
    assert [name for name, _ in network.layers.named_children()][1::2] == ["act1", "hidden", "output"]
    observations = torch.from_numpy(games.observations)
    plain = network.layers(observations[:, 0].float())
    assert torch.allclose(network(observations), plain, atol=1e-6)


def test_without_the_package_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "minatar", None)
    with pytest.raises(UserError, match=r"env=MinAtar-Asterix needs minatar: pip install 'rrn\[minatar\]'"):
        games_of("MinAtar-Asterix")


def test_the_protocol_line_says_how_hard_the_game_is():
    plain, other = (
        compose_config(["env=MinAtar-Breakout", *own]).env.protocol() for own in ([], ["env.ramping=false"])
    )
    assert plain == "protocol: MinAtar-Breakout, sticky actions 0.1, ramping on, rewards not clipped, step cap 5000"
    assert "ramping off" in other


def test_sticky_actions_and_ramping_reach_the_package():
    (copy,) = games_of("MinAtar-Asterix", 1, sticky_actions=0.3, ramping="false").copies
    assert (copy.sticky_action_prob, copy.env.ramping) == (0.3, False)
