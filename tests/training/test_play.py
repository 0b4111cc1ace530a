"""Evaluation counts each game once and depends on the seeds and the agent alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rrn.agents import make_agent
from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.envs import make_envs
from rrn.evaluate import parse
from rrn.training.play import play, summary


def agent_and_games(copies, *overrides):
    config = compose_config(["env=CartPole", *overrides])
    games = make_envs(config.env, copies, (0, 1))
    return make_agent(config, games, torch.device("cpu")), games


def test_short_games_do_not_count_more_often():
    """Each copy plays its share: the scores are those of games numbered in advance."""
    agent, games = agent_and_games(4)
    found = play(agent, games, (5, 5), epsilon=1.0, episodes=10)
    assert sorted(game.env for game in found) == sorted([0, 1, 2, 3, 0, 1, 2, 3, 0, 1])
    assert len({game.seed for game in found}) == 10


def test_the_same_seeds_give_the_same_games():
    agent, games = agent_and_games(3)
    first = play(agent, games, (1, 2), epsilon=0.3, episodes=6)
    state = torch.get_rng_state(), agent.generator.get_state()
    play(agent, games, (9, 9), epsilon=0.3, episodes=3)
    again = play(agent, games, (1, 2), epsilon=0.3, episodes=6)
    assert [(g.seed, g.score) for g in first] == [(g.seed, g.score) for g in again]
    assert all(np.array_equal(a.actions, b.actions) for a, b in zip(first, again, strict=True))
    assert torch.equal(torch.get_rng_state(), state[0])  # training's random numbers are left alone
    assert torch.equal(agent.generator.get_state(), state[1])


@pytest.mark.parametrize("agent", ["ppo", "sb3_ppo", "dqn", "pqn"])
def test_a_deterministic_agent_acts_without_random_numbers(agent):
    """Five starts of an episode with a policy that is near even: two generators give one sequence of actions."""
    actor, games = agent_and_games(64, f"agent={agent}")
    acted = lambda seed: actor.act(games.observations, 0.0, torch.Generator().manual_seed(seed))  # noqa: E731
    sampled = {acted(seed).tobytes() for seed in range(5)}
    assert len(sampled) == (5 if "ppo" in agent else 1)
    actor.deterministic = True
    (chosen,) = {acted(seed).tobytes() for seed in range(5)}
    if agent == "ppo":
        logits, _ = actor.outputs_and_values(torch.from_numpy(games.observations))
        assert chosen == logits.argmax(1).numpy().tobytes()


def test_with_a_number_of_steps_the_games_that_end_within_count_and_one_at_least():
    agent, games = agent_and_games(1)
    found = play(agent, games, (1, 1), epsilon=1.0, steps=200)
    assert 200 - 60 < sum(game.length for game in found) <= 260
    assert len(play(agent, games, (1, 1), epsilon=1.0, steps=1)) == 1


def test_summary():
    agent, games = agent_and_games(2)
    found = play(agent, games, (1, 1), epsilon=1.0, episodes=5)
    scores = sorted(game.score for game in found)
    assert summary(found) == {
        "mean": sum(scores) / 5,
        "median": scores[2],
        "min": scores[0],
        "max": scores[4],
        "games": 5,
    }


def test_stopping_gives_nothing():
    agent, games = agent_and_games(1)
    assert play(agent, games, (1, 1), 1.0, episodes=3, stop=lambda: True) is None


def test_a_folder_may_have_the_sign_of_settings_in_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=1").mkdir()
    (folder,), settings = parse(["lr=1", "episodes=3"])
    assert (str(folder), settings.episodes) == ("lr=1", 3)
    with pytest.raises(UserError, match="episodes: expected a whole number, got 'ten'"):
        parse(["lr=1", "episodes=ten"])
