"""The command line: every choice composes, and settings are what they say."""

from __future__ import annotations

import itertools
import sys
from importlib import import_module
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from omegaconf import OmegaConf

from rrn.activations.registry import ACTIVATIONS, make_activations
from rrn.common.errors import UserError
from rrn.common.numbers import parse_int
from rrn.config import ACTS, AGENTS, ENVS, ActConfig, changed_settings, learning_steps
from rrn.config.compose import choices, compose_config, hydra_ready
from rrn.config.games import atari_games
from rrn.config.gym_ids import is_gym_id
from rrn.config.load import load_run_config, to_config
from rrn.config.register import conf_dir, register_choices
from rrn.report.runs import settings
from rrn.study.plan import load_plan

train = import_module("rrn.train")  # the module; rrn.train is a function


def names(group):
    return sorted(path.stem for path in (Path(conf_dir()) / group).glob("*.yaml"))


def test_a_run_from_before_some_settings_were_there_can_be_read(tmp_path):
    config = compose_config(["act=rational"])
    old = OmegaConf.create(OmegaConf.to_container(OmegaConf.structured(config)))
    for name in ("per", "delay", "freeze_after", "from_run"):
        del old.act[name]
    OmegaConf.save(old, tmp_path / "config.yaml")
    assert load_run_config(tmp_path) == config


def test_a_damaged_file_of_a_run_is_named(tmp_path):
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(UserError, match=r"config\.yaml: this file is damaged"):
        load_run_config(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "5", "this file is damaged"),
        (lambda text: text.replace("agent:", "agent:\n  futuristic: 1"), "agent.futuristic: no such setting here"),
        (lambda text: text.replace("threads: null\n", ""), "missing mandatory value: threads"),
    ],
)
def test_a_mistake_in_the_file_of_a_run_names_the_file(tmp_path, change, message):
    text = OmegaConf.to_yaml(compose_config(["env=CartPole"]))
    (tmp_path / "config.yaml").write_text(change(text))
    with pytest.raises(UserError, match=rf"config\.yaml: .*{message}"):
        load_run_config(tmp_path)


def test_a_glob_means_to_hydra_what_it_means_here():
    register_choices()
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        for group in ("env", "agent", "act", "experiment"):
            assert loader.get_group_options(group, ObjectType.CONFIG) == choices(group)


def test_each_registered_name_has_its_file():
    with hydra_ready():
        # other tests of this process chose classes
        acts, agents, envs = ([name for name in choices(group) if ":" not in name] for group in ("act", "agent", "env"))
        assert acts == sorted(ACTIVATIONS)
        assert agents == names("agent") == sorted(AGENTS)
        envs = {name for name in envs if not is_gym_id(name)}
        assert envs == {game for env in ENVS.values() for game in env.games()}
    options = ("rational", "recurrent_rational")  # the others have none, and no file
    assert names("act") == sorted(options) == sorted(name for name, kind in ACTS.items() if kind is not ActConfig)


ENVIRONMENTS = ["Pong", "SpaceInvaders", "CartPole", "MinAtar-Breakout"]
COMBINATIONS = list(itertools.product(names("agent"), names("experiment"), ENVIRONMENTS))
FAST = [one for one in COMBINATIONS if one[2] == "Pong" or one[:2] == ("dqn", "smoke")]


@pytest.mark.parametrize(
    ("agent", "experiment", "env"),
    [*FAST, *(pytest.param(*one, marks=pytest.mark.slow) for one in COMBINATIONS if one not in FAST)],
)
def test_every_combination_composes(agent, experiment, env):
    overrides = [f"agent={agent}", f"experiment={experiment}", f"env={env}"]
    if agent == "classifier":
        with pytest.raises(UserError, match=f"agent=classifier: expected task= beside it, got env={env}"):
            compose_config([word for word in overrides if "experiment" not in word])
        return
    for_dqn = experiment in ("paper", "modern") and agent not in ("dqn", "ddqn")
    for_atari = experiment in ("paper", "modern", "atari100k") and env in ("CartPole", "MinAtar-Breakout")
    if for_dqn or for_atari:
        with pytest.raises(UserError, match=f"experiment={experiment}: its protocol is for"):
            compose_config(overrides)
        return
    config = compose_config(overrides)
    assert (config.agent.name, config.act.name, config.env.name) == (agent, "recurrent_rational", env)
    assert config.experiment == experiment
    assert config.run_dir == f"runs/{env}/{agent}-recurrent_rational/seed0"


def test_settings_of_an_agent_for_an_environment():
    """Those of the experiment come after those of the agent for the environment, and the user's own last."""
    for agent in ("dqn", "ddqn"):
        assert compose_config([f"agent={agent}", "env=CartPole"]).agent.target_every == 256
        assert compose_config([f"agent={agent}", "env=MinAtar-Seaquest"]).agent.target_every == 1000
        assert compose_config([f"agent={agent}", "env=CartPole", "experiment=smoke"]).agent.target_every == 100
        assert compose_config([f"agent={agent}", "env=CartPole", "agent.target_every=7"]).agent.target_every == 7
    ppo = compose_config(["agent=ppo", "env=MinAtar-Seaquest"])
    assert (ppo.env.num_envs, ppo.evaluation.epsilon, ppo.steps) == (8, 0.0, 1_000_000)
    assert compose_config(["agent=ppo", "env.num_envs=4", "evaluation.epsilon=0.1"]).env.num_envs == 4
    assert compose_config(["agent=ppo", "env=MinAtar-Seaquest", "act=rational"]).act.lr == 1.5e-5
    assert compose_config(["agent=ppo", "env=MinAtar-Seaquest", "act=rational", "act.lr=1e-3"]).act.lr == 1e-3
    assert compose_config(["agent=dqn", "env=MinAtar-Seaquest", "act=rational"]).act.lr is None
    envs = ("Pong", "MinAtar-Seaquest", "CartPole")
    assert [compose_config(["agent=pqn", f"env={env}"]).env.num_envs for env in envs] == [128, 128, 4]
    assert compose_config(["agent=pqn", "env=CartPole", "experiment=smoke"]).env.num_envs == 2


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_every_activation_composes_and_its_file_in_the_run_can_be_read_again(act):
    config = compose_config([f"act={act}"])
    assert config.act.name == act
    assert to_config(OmegaConf.create(OmegaConf.to_yaml(config))) == config


def _with_a_game(stem):
    """Return the name of a file of a suite with one of its games in place of the suite."""
    games = {"_MinAtar": "_MinAtar-Asterix", "_Gym": "_Taxi-v4", "_MuJoCo": "_Hopper-v5", "_Task": "_random_labels"}
    for suite, game in games.items():
        stem = f"{stem.removesuffix(suite)}{game}" if stem.endswith(suite) else stem
    return stem


@pytest.mark.parametrize("path", sorted(Path(conf_dir()).rglob("*.yaml")), ids=lambda p: p.stem)
def test_every_file_is_used(path):
    """No file that nothing can choose; each key of each is known, since the composed whole is typed."""
    group = path.parent.relative_to(conf_dir()).as_posix()
    if group in ("experiment/for_env", "experiment/for_agent", "agent/for_env"):
        cut = str.rpartition if group == "agent/for_env" else str.partition  # names of agents may have a _ themselves
        outer, _, inner = cut(_with_a_game(path.stem), "_")
        kinds = {"experiment/for_env": "env", "experiment/for_agent": "agent", "agent/for_env": "env"}
        compose_config([f"{group.partition('/')[0]}={outer}", f"{kinds[group]}={inner}"])
    elif group == "experiment/for_agent_and_env":
        experiment, agent, env = path.stem.split("_")
        compose_config([f"experiment={experiment}", f"agent={agent}", f"env={env}"])
    elif group == "study":
        assert load_plan(path.stem).methods
    elif group == "act/for_agent":
        act, agent, env = _with_a_game(path.stem).rsplit("_", 2)
        config = compose_config([f"act={act}", f"agent={agent}", f"env={env}"])
        assert config.act.lr == OmegaConf.load(path).lr
    elif group == "env/bases":
        assert path.stem in ENVS
    elif group != ".":
        beside = {"paper": ["env=Pong"], "classifier": ["task=random_labels"]}
        compose_config([f"{group}={path.stem}", *beside.get(path.stem, [])])


@pytest.mark.parametrize("text", ["1500000", "1.5e6", "1500k", "1.5M", "15e5", "0.0015e9"])
def test_whole_numbers_as_people_write_them(text):
    config = compose_config([f"steps={text}", f"evaluation.every={text}", f"agent.max_grad_norm={1.5e6}"])
    assert config.steps == config.evaluation.every == 1_500_000
    assert type(config.steps) is type(config.evaluation.every) is int
    assert type(config.agent.max_grad_norm) is float


def test_each_hundredth_of_a_million_is_a_whole_number():
    assert [parse_int(f"{i // 100}.{i % 100:02}M") for i in range(1000)] == list(range(0, 10_000_000, 10_000))
    assert [parse_int(text) for text in ("1e400", "1e999999999", "0.5", "inf", "nan", "")] == [None] * 6


@pytest.mark.parametrize(
    ("delay", "steps"), [("300", 300), ("100k", 100_000), ("1e5", 100_000), ("2epochs", 500_000), ("null", 0)]
)
def test_the_delay_of_the_coefficients_in_agent_steps(delay, steps):
    config = compose_config([f"act.delay={delay}", "evaluation.every=250k"])
    assert learning_steps(config).start == steps + 1
    assert config.steps in learning_steps(config)
    last = compose_config([f"act.freeze_after={delay}", "evaluation.every=250k"])
    assert (10**9 in learning_steps(last)) == (delay == "null")
    assert delay == "null" or learning_steps(last) == range(1, steps + 1)


def test_every_game_composes_without_a_file():
    for game in ("Adventure", "Asterix", "MsPacman", "TicTacToe3D", "UpNDown", "Zaxxon"):
        assert compose_config([f"env={game}"]).env.name == game
    assert len(atari_games()) == 104


def test_the_configuration_can_be_printed(command):
    process = command("rrn.train", "agent=ddqn", "--cfg", "job")
    assert process.returncode == 0, process.stderr
    assert "double: true" in process.stdout


def test_the_protocol_line_says_it_all():
    line = compose_config(["env=SpaceInvaders", "experiment=paper"]).env.protocol()
    assert line == (
        "protocol: frame skip 3, sticky actions 0, max-pool off, no-ops up to 30, FIRE for each life, life loss ends "
        "an episode for learning, rewards clipped to [-1, 1], frame cap 300000, resize to 84x84 bilinearly, stack 4"
    )


def test_an_activation_without_an_entry_is_named():
    with pytest.raises(UserError, match="no_such: expected an activation of ACTIVATIONS"):
        make_activations("no_such", 2)


@pytest.mark.parametrize(
    ("switch", "setting"),
    [
        ("agent.distributional=true", "agent.value_range=[-3,3]"),
        ("agent.prioritised=true", "agent.priority_alpha=0.5"),
        ("agent.noisy=false", "agent.epsilon_end=0.5"),
    ],
)
def test_settings_without_effect_do_not_make_another_run(tmp_path, switch, setting):
    off = switch.replace("true", "off").replace("false", "true").replace("off", "false")
    for word, expected in ((off, ""), (switch, setting.partition("=")[0])):
        plain, other = compose_config([word]), compose_config([word, setting])
        (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(other))
        assert changed_settings(load_run_config(tmp_path), plain).partition(" was ")[0] == expected
        assert (settings(plain) == settings(other)) is (not expected)


@pytest.mark.parametrize(
    ("overrides", "note"),
    [
        (["agent.atoms=21"], "note: agent.atoms has no effect with agent.distributional=false.\n"),
        (["agent.atoms=21", "agent.distributional=true"], ""),
        (["act.trainable=false", "act.lr=0.1"], "note: act.lr has no effect with act.trainable=false.\n"),
        (
            ["evaluation.episodes=null", "evaluation.steps=9", "evaluation.num_envs=2"],
            "note: evaluation.num_envs has no effect with evaluation.episodes=null.\n",
        ),
        (["agent.atoms=21", "agent.distributional=true,false"], ""),  # it has one in some of the runs
        (
            ["agent=ppo,sb3_dqn", "env.overlap=false"],
            "note: env.overlap has no effect with agent.name=ppo or ",
        ),
    ],
)
def test_a_setting_without_effect_is_noted(overrides, note, monkeypatch, capsys):
    several = ["-m"] if any("," in text for text in overrides) else []
    monkeypatch.setattr(sys, "argv", ["train", *several, *overrides, "--help"])
    train.main()
    error = capsys.readouterr().err
    assert error.startswith(note)
    assert ("note: " in error) is bool(note)
