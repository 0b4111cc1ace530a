"""A checkpoint goes on with its own run only, and only if it holds what that run needs."""

from __future__ import annotations

import copy
import shutil
from dataclasses import replace

import pytest
import torch
from helpers.scalars import read_scalars

from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.evaluate import Settings, evaluate
from rrn.runs import checkpoint
from rrn.runs.checkpoint_checks import check_form
from rrn.runs.folder import load_config, read_run_id
from rrn.training.run import train
from rrn.training.trainer import Trainer

SMALL = ("env=CartPole", "experiment=smoke", "steps=50", "checkpoint.every=25", "threads=1", "device=cpu")
AGENTS = ["dqn", "ppo", "pqn", "sb3_dqn", "sb3_ppo"]


def configured(folder, *overrides):
    return compose_config([*SMALL, *overrides, f"run_dir={folder}"])


def trained(folder, *overrides):
    assert train(configured(folder, *overrides)) is None
    return folder


def files(folder):
    names = ("lock", "status.json")
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name not in names}


def change(folder, **values):
    """Write other values into the last checkpoint of a run; None takes a field out."""
    path, state = checkpoint.load_last(folder / "checkpoints")
    for name, value in values.items():
        at = state
        *parents, last = name.split("__")
        for parent in parents:
            at = at[parent]
        at[last] = value
        if value is None:
            del at[last]
    del state["format"]
    return checkpoint.save(folder / "checkpoints", int(path.stem[5:]), state, keep=2)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run; tests copy it."""
    return trained(tmp_path_factory.mktemp("run") / "it", "act=rational")


@pytest.fixture
def own(run, tmp_path):
    return shutil.copytree(run, tmp_path / "it")


def go_on(folder, *overrides):
    return train(replace(configured(folder, "act=rational", *overrides), resume=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ("seed=1", "seed was 1 and is 0"),
        ("agent.learning_rate=0.5", "agent.learning_rate was 0.5 and is "),
        ("act=relu", "act.name was relu and is rational"),
        ("agent=ppo", "agent.name was ppo and is dqn"),
        ("agent.dueling=true", "agent.dueling was true and is false"),
        ("env=MinAtar-Breakout", "env.name was MinAtar-Breakout and is CartPole"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused(own, tmp_path, other, difference):
    overrides = [other] if other.startswith("act=") else [other, "act=rational"]
    foreign = trained(tmp_path / "other", *overrides)
    for path in checkpoint.find(foreign / "checkpoints"):
        shutil.copy(path, own / "checkpoints" / path.name)
    before = files(own)
    with pytest.raises(UserError, match="this checkpoint is of a run with another configuration") as error:
        go_on(own, "steps=80")
    assert difference in str(error.value)
    with pytest.raises(UserError, match="this checkpoint is of a run with another configuration"):
        evaluate([own], Settings(episodes=1, video=None))
    assert files(own) == before


def test_the_checkpoint_of_a_run_with_the_same_settings_is_refused(own, tmp_path):
    other = trained(tmp_path / "other", "act=rational")
    assert read_run_id(own) != read_run_id(other)
    shutil.copy(checkpoint.find(other / "checkpoints")[-1], own / "checkpoints")
    with pytest.raises(UserError, match="this checkpoint is of another run with the same configuration; take another"):
        go_on(own, "steps=80")


def test_the_id_of_a_run_stays(own):
    before = read_run_id(own)
    assert len(before) == 32
    go_on(own, "steps=80")
    assert read_run_id(own) == before == checkpoint.load_last(own / "checkpoints")[1]["run"]["id"]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"step": -5}, "step: expected a whole number from 0 on, got -5"),
        ({"step": "many"}, "step: expected a whole number from 0 on, got 'many'"),
        ({"step": True}, "step: expected a whole number from 0 on, got True"),
        ({"step": None}, "step is missing"),
        ({"evaluated": -2}, "evaluated: expected a whole number from -1 on, got -2"),
        ({"last": [1]}, r"last: expected a dictionary, got \[1\]"),
        ({"agent__updates": "x"}, "agent.updates: expected a whole number from 0 on, got 'x'"),
        ({"agent__network": None}, "agent.network is missing"),
        ({"learner__replay__added": 3}, "learner.replay.added: expected a list, got 3"),
        ({"learner__starting": torch.ones(1)}, "learner.starting: expected a tensor of torch.bool with 1 axes, got"),
        ({"random": [1, 2]}, r"random: expected a tensor of torch.uint8 with 1 axes, got \[1, 2\]"),
        ({"lengths__scalars.csv": None}, r"lengths.scalars.csv is missing"),
        ({"threads": -1}, "threads: expected a whole number from 0 on, got -1"),
    ],
)
def test_a_field_of_another_kind_is_named(own, values, problem):
    change(own, **values)
    before = files(own)
    with pytest.raises(UserError, match=f"does not fit the run: {problem}.*; take another one, or take this one out"):
        go_on(own, "steps=80")
    assert files(own) == before


@pytest.mark.slow
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("agent", AGENTS)
def test_weights_that_are_not_finite_are_refused(train_here, agent, value):
    folder = train_here(*SMALL[:-2], "act=rational", f"agent={agent}")
    network = checkpoint.load_last(folder / "checkpoints")[1]["agent"]["network"]
    key = next(key for key, weight in network.items() if weight.is_floating_point())
    network[key].view(-1)[0] = value
    change(folder, agent__network=network)
    with pytest.raises(UserError, match=r"agent\.network.* is not finite; take another one"):
        go_on(folder, f"agent={agent}", "steps=80")
    with pytest.raises(UserError, match=r"agent\.network.* is not finite; take another one"):
        evaluate([folder], Settings(episodes=1, video=None))


def leaves(values, at=()):
    """The way to each value in nested dictionaries that holds no other dictionary."""
    for key, value in values.items():
        yield from leaves(value, (*at, key)) if isinstance(value, dict) and value else [(*at, key)]


@pytest.mark.parametrize("agent", AGENTS)
def test_every_field_that_a_run_begins_with_is_checked(tmp_path, agent):
    """Its own state fits it; without any one of its fields, or with a text in place of one, it does not."""
    config = configured(tmp_path, f"agent={agent}", "act=rational")
    like = Trainer(config, tmp_path, lambda: True).state_dict()
    check_form(tmp_path, copy.deepcopy(like), like)
    ways = [way for way in leaves(like) if way[0] not in ("run", "measures") and way[-1] != "exact"]
    assert len(ways) > 20
    for way in ways:
        for broken in (object, "missing"):
            state = copy.deepcopy(like)
            at = state
            for key in way[:-1]:
                at = at[key]
            if at[way[-1]] is None or (broken is object and isinstance(at[way[-1]], str)):
                continue
            at[way[-1]] = broken
            if broken == "missing":
                del at[way[-1]]
            with pytest.raises(UserError, match="does not fit the run"):
                check_form(tmp_path, state, like)


def test_what_fails_when_it_is_loaded_is_one_sentence(own):
    """Whole, of this run, of the right form, and yet not its own: a memory of another size."""
    state = checkpoint.load_last(own / "checkpoints")[1]["learner"]["replay"]
    change(own, learner__replay={**state, "actions": [torch.zeros(3, dtype=torch.uint8)]})
    with pytest.raises(UserError, match=r"does not fit the run: .*; take another one"):
        go_on(own, "steps=80")


def test_a_checkpoint_from_before_they_knew_their_run_goes_on(own):
    change(own, run=None, measures=None)
    text = (own / "config.yaml").read_text()
    (own / "config.yaml").write_text("\n".join(line for line in text.splitlines() if not line.startswith("# run ")))
    assert read_run_id(own) is None
    assert go_on(own, "steps=80") is None
    assert len(read_run_id(own)) == 32


def lose(path):
    path.unlink()


def empty(path):
    path.write_text("")


def cut(path):
    path.write_text(path.read_text()[:300])


def garbage(path):
    path.write_bytes(b"\xff\xfe\x00[{")


@pytest.mark.parametrize("damage", [lose, empty, cut, garbage])
def test_a_checkpoint_is_enough_to_go_on_and_to_evaluate(own, tmp_path, capsys, damage):
    whole = shutil.copytree(own, tmp_path / "whole")
    damage(own / "config.yaml")
    assert load_config(own) == replace(load_config(whole), run_dir=load_config(own).run_dir)
    assert len(evaluate([own], Settings(episodes=1, video=None))[0]) == 1
    assert "config.yaml cannot be read; step_0000000050.pt has the settings too." in capsys.readouterr().err
    with pytest.raises(UserError, match=r"another configuration \(agent.gamma was 0.99 and is 0.9\)"):
        go_on(own, "steps=80", "agent.gamma=0.9")
    go_on(own, "steps=80")
    go_on(whole, "steps=80")
    assert read_scalars(own) == read_scalars(whole)
    assert read_run_id(own) == read_run_id(whole)
    assert (own / "config.yaml").read_text().replace(str(own), "") == (
        (whole / "config.yaml").read_text().replace(str(whole), "")
    )


def test_without_a_configuration_anywhere_the_checkpoints_stay(own):
    for path in checkpoint.find(own / "checkpoints"):
        change(own, run=None)
        if path != checkpoint.find(own / "checkpoints")[-1]:
            path.unlink()
    (own / "config.yaml").unlink()
    for resume, sentence in ((True, "config.yaml of their run is missing"), (False, "a run is here already")):
        with pytest.raises(UserError, match=sentence):
            train(replace(configured(own, "act=rational"), resume=resume))
    assert checkpoint.find(own / "checkpoints")
