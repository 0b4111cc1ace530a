"""Schedules that are longer than the run are named in a line, with what to set."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from rrn.config.compose import compose_config
from rrn.config.schedules import schedule_warnings

train = import_module("rrn.train")  # the module; rrn.train is a function

LONGER = {
    "steps=200000": "with steps=200000 epsilon ends at 0.82, not at agent.epsilon_end=0.1: agent.epsilon_steps=1000000 "
    "is longer; set agent.epsilon_steps or steps.",
    "agent.epsilon_steps=3M": "epsilon ends at 0.55, not at",  # 1 - 0.9 / 2
    "agent.prioritised=true agent.priority_beta_steps=3M": "importance weights ends at 0.7, not at 1",  # 0.4 + 0.6 / 2
    "agent.warmup=1500000": "random steps before training: agent.warmup=1500000",
    "agent.replay_capacity=1505001": "the replay buffer is never full, and forgets nothing",
    "agent.train_every=2M": "the network is never updated",
    "agent.target_every=2M": "the target network is never updated",
    "evaluation.every=2M": "evaluations come at the start and the end alone",
    "checkpoint.every=2M": "a run that is killed begins at step 0 again",
    "log_every=2M": "the log has no losses",
    "act.delay=1500000": "the coefficients of rationals never learn: act.delay=1500000",
    "act.delay=100epochs": "act.delay=100epochs",
    "act.freeze_after=0": "the coefficients of rationals never learn: act.freeze_after=0",
    "act.delay=100 act.freeze_after=100": "the coefficients of rationals never learn: act.delay=100",
    "agent=ppo agent.rollout=187500": "one rollout only, of agent.rollout=187500 steps in each of 8",
    "agent=pqn steps=100000": "epsilon ends at 0.33, not at agent.epsilon_end=0.001",  # 1 - 0.999 / 1.5
    "agent=pqn agent.rollout=11719": "set agent.rollout=1171 or less",
    "agent=sb3_ppo agent.n_steps=200000": "set agent.n_steps=18750 or less",
    "agent=sb3_dqn agent.target_update_interval=2M": "the target network is never updated",
    "agent=sb3_dqn agent.buffer_size=2M": "never full",
    "agent=sb3_dqn agent.learning_starts=1500000": "random steps before training",
}
FITS = [
    *("", "env=CartPole", "env=MinAtar-Breakout", "experiment=paper", "experiment=modern env=Skiing"),
    *("agent=pqn", "agent=pqn env=CartPole", "agent=pqn env=MinAtar-Breakout"),
    *("experiment=smoke", "experiment=smoke env=CartPole", "agent=ppo", "agent=sb3_dqn", "agent=sb3_ppo"),
    *("agent.noisy=true steps=200000", "agent.epsilon_start=0.1 steps=200000", "agent.epsilon_steps=1500000"),
    *("agent.replay_capacity=1505000", "agent.warmup=1499999", "act=relu", "act.trainable=false act.delay=2M"),
    *("evaluation.every=1500000", "agent.prioritised=true", "agent=ppo agent.rollout=187499"),
]


@pytest.mark.parametrize("words", LONGER)
def test_what_is_longer_than_the_run_is_named(words):
    warnings = schedule_warnings(compose_config(words.split()))
    assert len(warnings) == 1
    assert LONGER[words] in warnings[0]
    assert len(warnings[0]) < 200


@pytest.mark.parametrize("words", FITS)
def test_what_fits_is_not(words):
    assert schedule_warnings(compose_config(words.split())) == []


@pytest.mark.parametrize("words", [["steps=200000"], ["-m", "steps=200000", "seed=0,1"]])
def test_the_command_line_prints_each_once(words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train", *words, "--help"])
    train.main()
    assert capsys.readouterr().err.count("warning: with steps=200000 epsilon ends at 0.82") == 1
