"""Values that people, shells and scripts come up with: each is taken as it is meant, or refused in a sentence."""

from __future__ import annotations

import dataclasses
import os
import sys
from importlib import import_module
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from rrn.common.errors import UserError
from rrn.config import AGENTS, ENVS, Config
from rrn.config.compose import check_words, compose_config, hydra_ready, quote_home
from rrn.config.load import load_run_config, to_config
from rrn.config.suggestions import suggestion

train = import_module("rrn.train")  # the module; rrn.train is a function

DEEP = "[" * 500 + "]" * 500
REFUSED = {
    "threads=10000000": "threads: expected a number from 1 to 1024, or null, got 10000000.",  # a crash in torch
    "threads=0": "threads: expected a number from 1 to 1024, or null, got 0.",
    "evaluation.num_envs=1e9": "evaluation.num_envs: expected a number from 1 to 4096, got 1000000000.",
    "env.num_envs=1e9": "env.num_envs: expected a number from 1 to 4096, got 1000000000.",
    "env.noop_max=1e9": "env.noop_max: expected a number from 0 to 10000, got 1000000000.",
    "env.frame_cap=2147483648": "env.frame_cap: expected a number from 1 to 2000000000, got 2147483648.",
    "env.size=35": "env.size: expected a number from 36 to 1024, got 35.",
    "env.stack=1e6": "env.stack: expected a number from 1 to 100",
    "steps=9223372036854775808": "steps: expected at most 1000000000000, got 9223372036854775808.",  # 2^63
    "steps=1e19": "steps: expected at most 1000000000000, got 10000000000000000000.",
    f"steps={'9' * 5000}": "expected a value of usual size",
    "seed=18446744073709551616": "seed: expected a number from 0 to 4294967295",
    "agent.learning_rate=inf": "agent.learning_rate: expected at most 1e+38, got inf.",
    "agent.learning_rate=nan": "agent.learning_rate: expected a number above 0, got nan.",
    "agent.n_step=1e9": "agent.n_step: expected a number from 1 to 10000",
    "agent.batch_size=1e9": "agent.batch_size: expected a number from 1 to 1000000",
    "act.degrees=[13,4]": "act.degrees: expected two whole numbers from 1 to 12, such as [5,4], got [13, 4].",
    "act.delay=1e13": "act.delay: expected agent steps",
    "resume=2": "resume: expected true or false, got 2.",
    "resume=-1": "resume: expected true or false, got -1.",
    "env.max_pool=0.5": "env.max_pool: expected true or false, got 0.5.",
    "agent.dueling=3": "agent.dueling: expected true or false, got 3.",
    "seed=int(1.9)": "seed=int(1.9): expected the value itself, without int(...).",  # Hydra: 1
    "resume=bool(3)": "without bool(...).",
    f"act.degrees={DEEP}": "too deep",  # what is said depends on how deep the calls are already
    "run_dir=~nobody_at_all/x": "there is no user of this name; a folder that is called so is ./~nobody",
    "run_dir='~nobody_at_all'": "there is no user of this name",
    "hydra.searchpath=[/proc/none]": "expected a folder with configuration files, there is none at /proc/none.",
    "hydra.searchpath=here": "expected folders, such as 'hydra.searchpath=[conf_of_mine]'.",
    "hydra/sweeper=optuna": "a sweep makes a run of each combination; python -m rrn.tune searches",
    "hydra.sweeper.params={seed: 1}": "a sweep makes a run of each combination",
    "agent.hidden=64": "agent.hidden: no such setting. network=mlp 'network.widths=[64,64]' sets the units",
    "env.mode=1": "env.mode: no such setting. Games are played in the default mode and difficulty of ale-py.",
    "agent.optimizer=sgd": "agent.optimizer: no such setting. It is Adam",
    "total_timesteps=5": "total_timesteps: no such setting. Did you mean steps?",
    "+agent.hidden=64": "agent.hidden: no such setting here. network=mlp 'network.widths",
}
OPTIONS = {
    "--config-dir=/proc/none": "--config-dir: expected a folder with configuration files, there is none at",
    "--config-dir=~nouser/x": "--config-dir=~nouser/x: there is no user of this name",
    "--config-path=x": "--config-path: this option of Hydra does not work here",
    "--shell-completion": "does not work here: there is no completion of words",
    "--experimental-rerun=x": "a run goes on with resume=true",
    "--resolve": "--resolve: it needs --cfg job, hydra or all.",
    "--package=agent": "--package: it needs --cfg job",
    "--package=nope --cfg=job": "--package=nope: expected one of agent, env, act",
    "--info --cfg=job": "--cfg and --info: expected one of them.",
    "-m --cfg=job seed=0,1": "-m and --cfg: expected one of them.",
    "--conf=x": "--conf=x: no such option",  # no abbreviations, which would come to mean something else
    "-m seed=range(0,1000000000)": "expected 10000 runs at most, these are more.",
    "-m seed=range(0,1000) agent.batch_size=range(1,1000)": "expected 10000 runs at most",
}


def refused(words: list[str], monkeypatch, capsys) -> str:
    """The error of a command line, which is one line."""
    monkeypatch.setattr(sys, "argv", ["train", *words])
    with pytest.raises(SystemExit) as end:
        train.main()
    errors = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("warning: ")]
    assert end.value.code == 2
    assert len(errors) == 1
    assert len(errors[0]) < 400
    return errors[0]


@pytest.mark.parametrize("word", REFUSED, ids=lambda word: word[:40])
def test_what_makes_no_sense_is_refused(word, monkeypatch, capsys):
    assert REFUSED[word] in refused([word], monkeypatch, capsys)


@pytest.mark.parametrize("words", OPTIONS)
def test_an_option_of_hydra_works_or_is_refused(words, monkeypatch, capsys):
    assert OPTIONS[words] in refused(words.split(), monkeypatch, capsys)


@pytest.mark.parametrize("words", ["--cfg=job --resolve", "--cfg=hydra", "--cfg=job --package=agent"])
def test_these_work(words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train", *words.split(), "env=CartPole"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "exit", lambda code=0: None)
        train.main()
    assert capsys.readouterr().out


def test_the_version_is_that_of_rrn(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train", "--version"])
    with pytest.raises(SystemExit) as end:
        train.main()
    assert (end.value.code, capsys.readouterr().out) == (0, f"rrn {sys.modules['rrn'].__version__}\n")


@pytest.mark.parametrize("word", ["run_dir=~/x", "run_dir='~/x'", 'run_dir="~/x"', "run_dir=~"])
def test_home_is_the_folder_that_a_shell_means(word):
    expected = os.path.expanduser("~/x" if "x" in word else "~")
    assert compose_config([quote_home(word)]).run_dir == expected


def test_home_in_act_from():
    assert compose_config([quote_home("act.from=~/old")]).act.from_run == os.path.expanduser("~/old")


@pytest.mark.parametrize("word", ["~steps", "steps=3", "run_dir='~/x'", "run_dir=a~b", "run_dir=/x"])
def test_other_words_stay(word):
    assert quote_home(word) == word


@pytest.mark.parametrize(
    ("word", "value"), [("1k", 1000.0), ("1e3", 1000.0), ("1.5", 1.5), ("2", 2.0), ("0.5k", 500.0)]
)
def test_numbers_are_read_alike(word, value):
    assert compose_config([f"agent.max_grad_norm={word}"]).agent.max_grad_norm == value


@pytest.mark.parametrize(("word", "value"), [("1", True), ("0", False), ("yes", True), ("off", False)])
def test_true_and_false_as_before(word, value):
    assert compose_config([f"resume={word}"]).resume is value


def limits() -> list[tuple[str, dict]]:
    """Each number of the default choices with its limits."""
    parts = [("", Config), ("agent.", AGENTS["dqn"]), ("env.", ENVS["atari"])]
    return [
        (prefix + field.name, field.metadata["limits"])
        for prefix, kind in parts
        for field in dataclasses.fields(kind)
        if field.type.split(" |")[0] in ("int", "float")
    ]


@pytest.mark.parametrize(("name", "limits"), limits(), ids=lambda value: value if isinstance(value, str) else "")
def test_each_number_is_taken_at_its_upper_limit_and_refused_above(name, limits):
    most = limits["at_most"]
    extra = ["agent.warmup=100000"] if name == "agent.n_step" else []
    extra += (
        ["agent.warmup=10000000", "agent.replay_capacity=10000000"] if name in ("env.num_envs", "env.stack") else []
    )
    extra += ["agent.replay_capacity=100000"] if name == "agent.n_step" else []
    config = compose_config([*extra, f"{name}={most}"])
    part, _, key = name.rpartition(".")
    assert getattr(getattr(config, part) if part else config, key) == most
    with pytest.raises(UserError, match=f"{name}: expected "):
        compose_config([*extra, f"{name}={most + 1 if most >= 1 and isinstance(most, int) else most * 1.1}"])


def test_the_file_of_an_old_run_can_still_be_read(tmp_path):
    config = compose_config(["agent.batch_size=512", "env.num_envs=64"])
    (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(config))
    assert load_run_config(tmp_path) == config == to_config(OmegaConf.create(OmegaConf.to_yaml(config)))
    for path in sorted((Path(__file__).parents[1] / "data" / "old_runs").rglob("config.yaml")):
        assert load_run_config(path.parent).steps > 0


def test_a_suggestion_is_about_the_last_part():
    known = ["agent", "agent.dueling", "agent.gamma", "env.name", "steps", "evaluation.steps"]
    assert suggestion("agent.gama", known) == "Did you mean agent.gamma?"
    assert suggestion("gamma", known) == "Did you mean agent.gamma?"
    assert suggestion("agent.zzz", known) == ""
    assert suggestion("stepps", known) == "Did you mean steps?"


def test_a_sweep_of_many_is_still_one():
    with hydra_ready():
        assert len(check_words(["seed=range(0,100)", "agent.batch_size=range(1,101)"])) == 10_000
