"""The help of rrn.train says what each setting means and may be, in lines that fit the terminal."""

from __future__ import annotations

import dataclasses
import sys
from importlib import import_module

import pytest

from rrn import evaluate
from rrn.config import ACTS, AGENTS, ENVS, Config
from rrn.config.help import HIDDEN
from rrn.config.network import NETWORKS
from rrn.config.schema import CheckpointConfig, EvaluationConfig

train = import_module("rrn.train")  # the module; rrn.train is a function


@pytest.fixture
def help_of(monkeypatch, capsys):
    """What `python -m rrn.train WORDS --help` prints on a terminal of some columns."""

    def run(*words: str, columns: int = 80) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys, "argv", ["train", *words, "--help"])
        train.main()
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("columns", [60, 80, 100, 300])
def test_lines_fit_the_terminal(help_of, columns):
    text = help_of(columns=columns)
    head = text.index("Choices")
    assert max(map(len, text.splitlines())) <= max(80, min(columns, 100))
    assert max(map(len, text[head : text.index("Options")].splitlines())) <= min(columns, 100)


def test_it_has_each_setting_of_the_default_choices_and_no_internal_group(help_of):
    text = help_of()
    for group, kind in (("agent", AGENTS["dqn"]), ("env", ENVS["atari"]), ("act", ACTS["rational"])):
        for field in dataclasses.fields(kind):
            name = "from" if field.name == "from_run" else field.name
            assert (f"\n  {group}.{name}=" in text) == (field.name not in HIDDEN)
    assert "for_env" not in text
    assert "for_agent" not in text
    assert "bases" not in text
    assert "104 Atari" in text


def test_a_group_alone_has_its_own_settings_and_values(help_of):
    text = help_of("agent=ppo", "env=CartPole")
    assert "  agent.rollout=32 " in text  # of CartPole
    assert "agent steps of each environment" in text
    assert "Settings of env=CartPole" in text
    assert "Settings of act" not in text
    assert "agent.warmup" not in text
    assert "agent.learning_rate=0.5 " in help_of("agent=ppo", "agent.learning_rate=0.5")


def test_a_range_is_said_beside_the_meaning(help_of):
    text = " ".join(help_of("env=Pong").split())
    assert "env.noop_max=30 most no-ops at the start of a game (0 to 10000)" in text
    assert "env.resize=area interpolation to that size;" in text
    assert "(area, bilinear)" in text


TABLES = (AGENTS, ENVS, ACTS, NETWORKS)
KINDS = dict.fromkeys(
    [Config, EvaluationConfig, CheckpointConfig, *(kind for table in TABLES for kind in table.values())]
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_setting_has_a_meaning_and_each_number_an_upper_limit(kind):
    for field in dataclasses.fields(kind):
        if field.name in (*HIDDEN, "agent", "env", "act", "network", "evaluation", "checkpoint", "experiment"):
            continue
        assert field.metadata.get("about"), field.name
        if field.type.split(" |")[0] in ("int", "float"):
            assert field.metadata["limits"]["at_most"] is not None, field.name


def test_evaluate_has_the_same_kind_of_help(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    evaluate.main(["--help"])
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert all(f"\n  {field.name}=" in text for field in dataclasses.fields(evaluate.Settings))
