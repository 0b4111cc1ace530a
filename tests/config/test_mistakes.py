"""Every mistake on the command line is one sentence with exit code 2."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

train = import_module("rrn.train")  # the module; rrn.train is a function


MISTAKES = {
    "env=Pongg": "env=Pongg: no such env. Did you mean Pong?",
    "env=space_invaders": "Did you mean SpaceInvaders?",
    "env=atari": "env=atari: no such env.",
    "env=Joust": "for two players only",
    "agent=dqnn": "agent=dqnn: no such agent. Did you mean dqn?",
    "act=recurrent-rational": "act=recurrent-rational: no such act. Did you mean recurrent_rational?",
    "act=sinh": "act=sinh: no such act. ",
    "experiment=papre": "Did you mean paper?",
    "agent.learning_rat=1": "agent.learning_rat: no such setting. Did you mean agent.learning_rate?",
    "agent.lr=1e-4": "agent.lr: no such setting. Did you mean agent.learning_rate?",
    "stepps=3": "stepps: no such setting. Did you mean steps?",
    "+typo=1": "typo: no such setting here.",
    "typo=1": "typo: no such setting. python -m rrn.train --help lists them.",
    "agent.exploration.end=1": "agent.exploration.end: no such setting. python -m rrn.train --help lists them.",
    "+seed=1": "+seed: this setting is there already; leave the + out.",
    "=3": "=3: expected key=value, such as seed=1.",
    "env=FooBar-v3": "which python -m rrn.train --help names.",
    "hydra.run.dir=x": "hydra.run.dir=x: expected run_dir=, which sets the folder of a run.",
    "~steps": "~steps: no setting can be taken away; leave this out, or set it to a value.",
    "+agent.gama=0.5": "agent.gama: no such setting here. Did you mean agent.gamma?",
    "agent.learning_rate=abc": "agent.learning_rate: expected a number, got 'abc'.",
    "steps=null": "steps: expected a whole number, got null.",
    "agent.gamma=null": "agent.gamma: expected a number, got null.",
    "steps=1.5": "steps: expected a whole number, got '1.5'.",
    "agent.dueling=perhaps": "agent.dueling: expected true or false, got 'perhaps'.",
    "agent.double=true": "agent.double: it is set by the choice of agent=; make that one.",
    "steps=0": "steps: expected 1 or more, got 0.",
    "agent.gamma=1.5": "agent.gamma: expected a number from 0 to 1, got 1.5.",
    "act.version=E": "act.version: expected one of A, B, C, D, N, got E.",
    "act.degrees=[5]": "act.degrees: expected two whole numbers",
    "act.degrees=[0,4]": "act.degrees: expected two whole numbers",
    "act.init=swoosh": "act.init: expected one of identity",
    "act.preset=best": "act.preset: expected one of l2, minimax, wide, got best.",
    "act.per=row": "act.per: expected tensor or channel, got row.",
    "act.delay=1.5epochs": "or null, got 1.5epochs.",
    "act.delay=soon": "act.delay: expected agent steps such as 100000, or epochs such as 25epochs, or null, got soon.",
    "act.lr=0": "act.lr: expected a number above 0, or null, got 0",
    "act.share=[1,2]": "act.share: expected 4 numbers, one for each site, got [1, 2].",
    "act.from=": "act.from: expected the folder of a run, or null, got nothing.",
    "run_dir=": "run_dir: expected a folder, got nothing.",
    "device=cpu:": "device: expected auto, cpu, cuda or cuda:N, got cpu:.",
    "device=gpu": "device: expected auto, cpu, cuda or cuda:N, got gpu.",
    "seed=-1": "seed: expected a number from 0 to 4294967295, got -1.",
    "seed=5000000000": "seed: expected a number from 0 to 4294967295, got 5000000000.",
    "agent.warmup=1": "agent.warmup: expected at least 8, to sample from, got 1.",
    "agent.replay_capacity=2000000000": "GB of memory",
    "env.sticky_actions=2": "env.sticky_actions: expected a number from 0 to 1",
    "evaluation.episodes=null": "expected either it or evaluation.steps, and null for the other, got null and null.",
    "env=ALE/Pong-v5": "env=ALE/Pong-v5: no such env. Did you mean Pong?",
    "env=PongNoFrameskip-v4": "Did you mean Pong?",
    "env=MinAtar/Breakout-v1": "Did you mean MinAtar-Breakout?",
    "agnet=dqn": "agnet: no such setting. Did you mean agent?",
    "act.degrees=5": "act.degrees: expected a list, such as [3,5].",
    "agent.value_range=null": "agent.value_range: expected a list, such as [3,5], got null.",
    "act.share=1": "act.share: expected a list, such as [3,5].",
    "act.init=[tanh,relu]": "act.init: expected one word, got ['tanh', 'relu'].",
    "steps=100m": "steps: expected a whole number, got '100m'.",
    "steps=-1e6": "steps: expected 1 or more, got -1000000.",
    "nonsense": "nonsense: expected key=value",
    "agent.name=ddqn": "agent.name: it is set by the choice of agent=; make that one.",
    "env.kind=foo": "env.kind: it is set by the choice of env=",
    "run_dir=runs/${foo}": "'foo' not found",
    "evaluation.steps=100": "expected either it or evaluation.steps, and null for the other, got 5 and 100",
    "agent.n_step=0": "agent.n_step: expected a number from 1 to 10000, got 0.",
    "agent.atoms=1": "agent.atoms: expected a number from 2 to 10000, got 1.",
    "agent.value_range=[1,1]": "agent.value_range: expected two numbers, the lower one first",
    "agent.replay_capacity=3": "agent.replay_capacity: expected at least 8, to sample from, got 3.",
    "seed=": "seed: ",
}


def without_warnings(text: str) -> str:
    """What is printed about a mistake, without what is said about schedules that are longer than the run."""
    return "\n".join(line for line in text.strip().splitlines() if not line.startswith("warning: with steps="))


@pytest.mark.parametrize("override", MISTAKES)
def test_a_mistake_is_one_sentence(override, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train", override])
    with pytest.raises(SystemExit) as end:
        train.main()
    error = without_warnings(capsys.readouterr().err)
    assert end.value.code == 2
    assert error.startswith("error: ")
    assert MISTAKES[override] in error
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.rglob("*.pt"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["agent=ppo", "agent.rollout=1e12"], "agent.rollout=1000000000000 needs"),
        (["agent=sb3_dqn", "agent.buffer_size=1e9"], "agent.buffer_size=1000000000 needs"),
        (["env=CartPole", "experiment=paper"], "its protocol is for Atari games"),
        (["hydra.foo=1"], "hydra.foo: Hydra has no such setting here; leave it out, or put -m first for several runs."),
        (["--config-name=foo"], "--config-name: this option of Hydra does not work here: the settings are those in"),
        (
            ["act=relu", "-m", "seed=0,1"],
            "seed=0,1: expected all settings together, got some before and some after options; put -m first.",
        ),
        (["--foo"], "--foo: no such option; python -m rrn.train --hydra-help lists the options."),
        (["--cfg"], "--cfg/-c: expected a value; python -m rrn.train --hydra-help lists"),
        (
            ["agent=ppo", "agent.train_every=4"],
            "agent.train_every: no such setting here. It is one of agent=dqn or ddqn or drq or der or der_dopamine.",
        ),
        (["act=relu", "act.kwargs={a: 1}"], "act.kwargs: no such setting here. It is one of act=package.module:Class."),
        (["hydra/launcher=foo"], "hydra/launcher=foo: Hydra has no such choice"),
        (["--multirun=3"], "--multirun/-m: expected no value, got 3; "),
        (["--cfg", "jobb"], "--cfg/-c: expected one of 'job', 'hydra', 'all', got jobb; "),
        (["env=CartPole", "env.sticky_actions=0.1"], "env.sticky_actions"),
        (["act=relu", "act.version=B"], "act.version"),
        (["-m", "act=relu,sinh"], "act=sinh: no such act"),
        (["-m", "act=glob(zzz)"], "act=glob(zzz): expected one value of act at least"),
        (["-m", "seed=range(0,0)"], "seed=range(0,0): expected one value of seed at least"),
        (["-m", "seed=shuffle(0,1)"], "seed=shuffle(0,1): runs have a fixed order"),
        (["-m", "seed=0,1", "hydra.sweep.dir=a/${now:%Y}"], "expected a folder without ${...}"),
        (["run_dir=läufe"], "needs quotes of its own"),
        (["-m", "act=relu", "seed=0,-1"], "seed: expected a number from 0 to 4294967295, got -1."),
        (["agent=sb3_dqn", "agent.gradient_steps=0"], "agent.gradient_steps: expected 1 or more, or -1"),
        (["act=relu", "seed=0,1"], "several values, but one run; add -m"),
        (["-m", "agent.gamma=0.9,0.99"], "2 of the runs would share this folder"),
        (["-m", "hydra/launcher=slurm"], "there is no sbatch here"),
        (["-m", "hydra/launcher=lokal"], "no such launcher. Choose one of basic, joblib, local"),
        (["-m", "hydra.launcher.n_jobs=0"], "expected how many runs at a time"),
        (["run_dir=/dev/null/run"], "/dev/null/run: Not a directory"),
        (["act=relu", "device=cuda"], "torch finds no GPU"),
    ],
)
def test_a_mistake_of_several_words_is_one_sentence_too(command, overrides, message):
    import torch

    if "device=cuda" in overrides and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    process = command("rrn.train", *overrides)
    assert process.returncode == 2
    error = without_warnings(process.stderr)
    assert message in error
    assert "Traceback" not in error
    assert len(error.splitlines()) == 1
