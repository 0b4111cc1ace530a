"""Composing without Hydra's own settings gives what Hydra gives, and one game stands for others only if it may."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hydra import compose
from hydra.errors import HydraException
from omegaconf import OmegaConf

from rrn.config.compose import command_text, compose_config, compose_unresolved, hydra_ready
from rrn.config.games import MINATAR_GAMES, atari_games
from rrn.config.hydra_private import compose_own
from rrn.config.register import files_of
from rrn.config.words import plain_words
from rrn.study.plan import load_plan, take_part

WORDS = [
    [],
    ["agent=ddqn", "env=Pong", "experiment=paper", "act=rational"],
    ["agent=dqn", "env=VideoPinball", "experiment=modern", "agent.batch_size=8", "act.from=runs/old"],
    ["agent=ppo", "env=MinAtar-Breakout", "act=recurrent_rational", "run_dir='${env.name} ${seed}'"],
    ["agent=sb3_ppo", "env=CartPole", "experiment=smoke", "act=relu", "++agent.learning_rate=1"],
    ["agent=sb3_dqn", "env=MinAtar-Asterix", "hydra.sweep.dir=here", "hydra/launcher=basic"],
]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_it_is_what_hydra_composes(words):
    with hydra_ready():
        for _ in range(2):  # what one composition changes is not in the next
            ours, theirs = compose_unresolved(words), compose("config", words)
            assert OmegaConf.to_container(ours, resolve=False) == OmegaConf.to_container(theirs, resolve=False)
            assert OmegaConf.is_struct(ours) == OmegaConf.is_struct(theirs)
            ours.agent.gamma = ours.env.num_envs = -1


@pytest.mark.parametrize(
    "words",
    [
        ["agent=dqn", "agent.rollout=3"],
        ["nosuch=1"],
        ["steps=1,2"],
        ["experiment=none"],
        ["+seed=1"],
        ["agent="],
        ["~act"],
    ],
    ids=" ".join,
)
def test_mistakes_are_those_that_hydra_finds(words):
    with hydra_ready():
        with pytest.raises(HydraException) as theirs:
            compose("config", words)
        with pytest.raises(HydraException) as ours:
            compose_own(words)
    assert str(ours.value).splitlines()[0] == str(theirs.value).splitlines()[0]


@pytest.mark.parametrize(
    "words", [["experiment=paper", "agent=ddqn"], ["experiment=modern", "agent=dqn"], ["agent=ppo"]]
)
def test_games_with_the_same_files_differ_in_their_names_alone(words):
    settings = {}
    games = [*list(atari_games())[::9], "Pong", "Skiing", "SpaceInvaders", "VideoPinball"]
    for game in games if "agent=ppo" not in words else [*games, *MINATAR_GAMES, "CartPole"]:
        with hydra_ready():
            composed = OmegaConf.to_container(compose_unresolved([*words, f"env={game}"]))
        assert composed["env"].pop("name") == game
        assert settings.setdefault(files_of(game), composed) == composed
    assert len(settings) < len(games) + 7  # this test can fail: some share their files


def test_a_plan_has_the_steps_and_folders_that_each_run_is_composed_with():
    part = take_part(load_plan("paper"), ["seed=0,4", "run_dir='runs/${act.name}/${seed} ${env.name}-${agent.name}'"])
    for run in part.runs()[::7]:
        own = [f"agent={run.method.agent}", f"env={run.game}", f"act={run.method.act}", f"seed={run.seed}"]
        config = compose_config(["experiment=paper", *own, *part.overrides])
        assert (run.steps, str(run.folder)) == (config.steps, config.run_dir)
        assert run.transitions == config.agent.replay_capacity


GONE = [
    "hydra._internal.config_repository.CachingConfigRepository",
    "hydra._internal.defaults_list.create_defaults_list",
    "hydra._internal.utils.get_args_parser",
    "hydra._internal.config_loader_impl.ConfigLoaderImpl._compose_config_from_defaults_list",
    "hydra._internal.config_loader_impl.ConfigLoaderImpl._apply_overrides_to_config",
]
COMPOSED = """
import importlib, sys
name = sys.argv.pop(1)
module, _, attribute = name.rpartition(".")
if module.endswith("ConfigLoaderImpl"):
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    kept = getattr(ConfigLoaderImpl, attribute)  # Hydra itself needs it, under another name
    body = ConfigLoaderImpl.load_configuration
    delattr(ConfigLoaderImpl, attribute)
    def load(self, *arguments, **options):
        setattr(ConfigLoaderImpl, attribute, kept)
        try:
            return body(self, *arguments, **options)
        finally:
            delattr(ConfigLoaderImpl, attribute)
    ConfigLoaderImpl.load_configuration = load
else:
    import hydra.main, hydra._internal.hydra  # what Hydra itself takes by that name stays
    delattr(importlib.import_module(module), attribute)
from rrn.train import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", GONE)
def test_without_a_private_name_of_hydra_the_result_is_the_same(name, tmp_path, process):
    words = ["agent=ppo", "env=MinAtar-Breakout", "act=rational", "steps=7", "--cfg", "job"]
    done = subprocess.run([sys.executable, "-c", COMPOSED, name, *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == process("rrn.train", *words).stdout
    assert "steps: 7" in done.stdout


def test_the_command_of_a_run_of_a_sweep_is_as_it_was_typed():
    """Hydra escapes ${...} and colons in the words that it gives to each run."""
    words = ["act=torch.nn\\:Mish", "seed=1"]
    assert command_text(["run_dir=x/$\\{env.name\\}/$\\{seed\\}", *words], "-m") == (
        "python -m rrn.train -m 'run_dir=x/${env.name}/${seed}' act=torch.nn:Mish seed=1"
    )


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("-m task=random_labels seed=0,1", "-m agent=classifier env=random_labels seed=0,1"),
        ("seed=0,1 task=random_labels -m", "seed=0,1 agent=classifier env=random_labels -m"),
        ("task=random_labels agent=dqn task.data=digits", "env=random_labels agent=dqn env.data=digits"),
        ("-m env=gym seed=0,1 env.id=Acrobot-v1", "-m env=Acrobot-v1 seed=0,1"),
    ],
)
def test_words_that_stand_for_others_leave_the_settings_together(typed, plain):
    assert plain_words(typed.split()) == plain.split()
