"""Configuration files of the user's own: --config-dir and hydra.searchpath, their choices, mistakes and plans."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rrn.common.errors import UserError
from rrn.config.compose import command_text, compose_config
from rrn.config.load import load_run_config
from rrn.config.own_folders import folder_words, take_folders, use_folders
from rrn.networks.build import activation_of

CONF = Path(__file__).parents[1] / "data" / "own" / "conf"
SMALL = ["env=CartPole", "experiment=quick", "device=cpu", "threads=1"]


@pytest.fixture
def conf(tmp_path, monkeypatch):
    """A copy of the user's folder, beside which the commands are started."""
    shutil.copytree(CONF, tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "conf"
    use_folders(None)


def refused(conf: Path, *overrides: str) -> str:
    with pytest.raises(UserError) as error:
        compose_config([*overrides], str(conf))
    return str(error.value)


def test_files_in_any_group_are_choices(conf):
    config = compose_config(["agent=careful", "act=gentle", *SMALL], "conf")
    assert (config.act.name, config.act.kind, config.act.lr) == ("gentle", "rational", 1e-5)
    assert (config.agent.name, config.agent.kind, config.agent.learning_rate) == ("careful", "dqn", 1e-4)
    assert (config.experiment, config.steps, config.run_dir) == ("quick", 600, "runs/CartPole/careful-gentle/seed0")
    assert activation_of(config)[0] == "rational"


def test_a_file_of_the_user_for_an_environment_is_found(conf):
    (conf / "agent" / "for_env").mkdir()
    (conf / "agent" / "for_env" / "careful_CartPole.yaml").write_text("defaults: [dqn_CartPole]\nlearning_rate: 0.5\n")
    config = compose_config(["agent=careful", "env=CartPole"], "conf")
    assert (config.agent.learning_rate, config.agent.target_every, config.agent.name) == (0.5, 256, "careful")


def test_an_agent_of_the_user_has_the_norm_of_its_kind(conf):
    (conf / "agent" / "mine.yaml").write_text("defaults: [pqn]\nname: mine\nkind: pqn\n")
    config = compose_config(["agent=mine", "act=relu", "env=CartPole"], "conf")
    assert (config.network.norm, config.run_dir) == ("layer", "runs/CartPole/mine-relu/seed0")


def test_searchpath_finds_the_same_files(conf):
    by_option = compose_config(["act=gentle", *SMALL], "conf")
    assert compose_config(["hydra.searchpath=[conf]", "act=gentle", *SMALL]) == by_option
    assert compose_config([f"hydra.searchpath=['file://{conf}']", "act=gentle", *SMALL]) == by_option


def test_the_next_configuration_has_other_folders(conf):
    compose_config(["act=gentle"], "conf")
    with pytest.raises(UserError, match="act=gentle: no such act"):
        compose_config(["act=gentle"])


def test_the_command_that_goes_on_has_the_folder(conf):
    others = take_folders(["mine", "--config-dir", "conf", "seed=0"])
    assert (others, folder_words()) == (["mine", "seed=0"], ["--config-dir", "conf"])
    assert command_text(["act=gentle"], "-m") == "python -m rrn.train -m --config-dir conf act=gentle"
    with pytest.raises(UserError, match="--config-dir: expected a folder"):
        take_folders(["mine", "--config-dir"])


def test_names_of_the_user_are_suggested(conf):
    assert refused(conf, "act=gentel") == "act=gentel: no such act. Did you mean gentle?"
    assert refused(conf, "experiment=quik") == "experiment=quik: no such experiment. Did you mean quick?"


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("act/relu.yaml", "name: relu", "rrn has act=relu of its own; give this file another name."),
        ("agent/for_env/dqn_CartPole.yaml", "gamma: 1", "rrn has agent/for_env=dqn_CartPole of its own"),
        ("act/bold.yaml", "defaults: [rational]", "expected name: bold and kind: rational, or another act of rrn"),
        ("agent/bold.yaml", "name: bold\nkind: nothing", "expected name: bold and kind: dqn, or another agent of rrn"),
        ("act/bold.yaml", "a: [", "bold.yaml: expected settings in YAML"),
        ("act/bold.yaml", "- 1", "expected name: bold"),
    ],
)
def test_a_file_that_cannot_be_a_choice_is_named(conf, path, text, message):
    (conf / path).parent.mkdir(exist_ok=True)
    (conf / path).write_text(text)
    assert message in refused(conf, "env=CartPole")


def test_a_setting_that_the_kind_lacks_is_named(conf):
    with (conf / "act" / "gentle.yaml").open("a") as file:
        file.write("speed: 1\n")
    assert "act.speed: no such setting" in refused(conf, "act=gentle", *SMALL)


def test_a_folder_without_groups_is_refused(conf):
    assert "expected in" in refused(conf / "study")
    assert "there is none at nowhere" in refused(Path("nowhere"))


def test_a_run_of_own_files_trains_goes_on_and_is_read_without_them(conf, command):
    first = command("rrn.train", "--config-dir", "conf", "act=gentle", *SMALL)
    assert first.returncode == 0, first.stderr
    more = command("rrn.train", "--config-dir", "conf", "act=gentle", *SMALL, "steps=700", "resume=true")
    assert "going on from step_0000000600.pt" in more.stderr
    shutil.rmtree(conf)
    assert load_run_config(Path("runs/CartPole/dqn-gentle/seed0")).act.lr == 1e-5
    assert command("rrn.evaluate", "runs/CartPole/dqn-gentle/seed0", "episodes=1").returncode == 0
    assert "gentle" in command("rrn.report", "runs").stdout


def test_a_plan_of_the_user_has_a_name(conf, command):
    listed = command("rrn.study", "mine", "--config-dir", "conf", "measure=false")
    assert "left: 4 runs, 2,400 agent steps" in listed.stdout, listed.stderr
    assert "start them: python -m rrn.study mine --config-dir conf start" in listed.stdout
    unknown = command("rrn.study", "yours", "--config-dir", "conf")
    assert "error: yours: no such plan. There are atari100k, continual, gymnasium, minatar, mine, " in unknown.stderr
