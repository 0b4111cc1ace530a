"""The agents of Atari-100k have the settings that were published, and the experiment the environment."""

from __future__ import annotations

import csv
import re

import pytest
from helpers.paths import SHARED

from rrn.common.errors import UserError
from rrn.config.compose import compose_config

PUBLISHED = {"drq": "DrQ(eps) (Dopamine)", "der": "DER (van Hasselt", "der_dopamine": "DER (Dopamine"}
needs_settings = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the published settings")


def config_of(agent):
    return compose_config([f"agent={agent}", "experiment=atari100k", "env=Breakout"])


@needs_settings
@pytest.mark.parametrize("agent", PUBLISHED)
def test_each_setting_is_the_published_one(agent):
    with open(SHARED / "reference/atari100k_settings.csv") as file:
        (row,) = (row for row in csv.DictReader(file) if row["agent"].startswith(PUBLISHED[agent]))
    config = config_of(agent)
    ours = config.agent
    assert (ours.n_step, ours.batch_size) == (int(row["n_step"]), int(row["batch"]))
    assert ours.target_every == int(row["target_update"].split()[0])
    switches = {name: row[name].startswith("yes") for name in ("double", "dueling", "distributional", "noisy")}
    assert {name: getattr(ours, name) for name in switches} == switches
    assert (ours.learning_rate, ours.adam_eps) == (float(row["learning_rate"]), float(row["adam_eps"]))
    assert (ours.gradient_steps, ours.train_every) == (int(row["updates_per_step"]), 1)
    assert ours.warmup == int(row["min_history"])
    assert config.steps + ours.warmup == 100_000
    assert config.evaluation.epsilon == float(row["epsilon_eval"].split()[0])
    assert config.evaluation.episodes == int(re.search(r"100\b", row["eval"])[0])
    assert (ours.gamma, ours.max_grad_norm) == (
        float(row["gamma"]),
        None if row["grad_clip"] == "none" else float(row["grad_clip"]),
    )
    if not ours.noisy:
        assert (ours.epsilon_end, ours.epsilon_steps) == (
            float(row["epsilon_train"]),
            int(row["epsilon_decay_steps"]),
        )
    assert ours.prioritised == row["replay"].startswith("prioritised")
    shift, intensity = (re.findall(r"shift (\d+) \+ intensity (\S+)", row["augmentation"]) or [(0, 0)])[0]
    assert (ours.shift, ours.intensity) == (int(shift), float(intensity))
    assert ours.replay_capacity == 100_000


@needs_settings
def test_the_two_agents_named_der_differ_as_published():
    with open(SHARED / "reference/atari100k_settings.csv") as file:
        rows = {row["agent"]: row for row in csv.DictReader(file)}
    small, nature = config_of("der"), config_of("der_dopamine")
    assert rows["DER (van Hasselt 2019 as in Kaixhin/Rainbow)"]["network"] == "data-efficient"
    assert (small.agent.network, nature.agent.network) == ("small", None)
    assert (
        "noisy, one for value and one for advantage" in rows["DER (van Hasselt 2019 as in Kaixhin/Rainbow)"]["hidden"]
    )
    assert (small.agent.dueling_hidden, nature.agent.dueling_hidden) == (True, False)
    assert "sigma0 0.1" in rows["DER (van Hasselt 2019 as in Kaixhin/Rainbow)"]["noisy"]
    assert (small.agent.noisy_sigma, nature.agent.noisy_sigma) == (0.1, 0.5)
    assert "alpha 0.5 beta 0.4->1 over the run" in rows["DER (van Hasselt 2019 as in Kaixhin/Rainbow)"]["replay"]
    assert (small.agent.priority_alpha, small.agent.priority_beta) == (0.5, 0.4)
    assert small.agent.priority_beta_steps == small.steps
    assert "sqrt loss; weights 1/sqrt(p)" in rows["DER (Dopamine = rliable's)"]["replay"]
    assert (nature.agent.priority_alpha, nature.agent.priority_beta) == (0.5, 0.5)
    assert small.agent.value_range == nature.agent.value_range == [-10, 10]


@needs_settings
def test_the_environment_is_the_published_one():
    env, text = config_of("drq").env, (SHARED / "reference/atari100k_environment.txt").read_text()
    for words, holds in {
        "no sticky actions": env.sticky_actions == 0,
        "terminal_on_life_loss True in training": env.life_loss,
        "rewards clipped to [-1,1]": env.clip_rewards,
        "max 27000 agent steps an episode": env.frame_cap == 27000 * env.frame_skip,
        "frame skip 4": env.frame_skip == 4,
        "max over 2 frames": env.max_pool,
        "up to 30 no-ops": env.noop_max == 30,
    }.items():
        assert words in text
        assert holds, words


def test_the_benchmark_is_one_of_atari_and_its_agents_are_not_the_papers():
    with pytest.raises(UserError, match="experiment=atari100k: its protocol is for Atari games"):
        compose_config(["env=MinAtar-Breakout", "experiment=atari100k"])
    with pytest.raises(UserError, match="experiment=paper: its protocol is for DQN"):
        compose_config(["env=Breakout", "experiment=paper", "agent=der"])
