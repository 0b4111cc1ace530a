"""A run that is refused leaves nothing behind, and never touches what was there."""

from __future__ import annotations

import sys

import pytest

from rrn.common.errors import UserError
from rrn.config.compose import compose_config
from rrn.training.run import train

SMALL = ("env=CartPole", "experiment=smoke", "steps=50", "device=cpu", "threads=1")
REFUSED = {
    "a memory that nothing holds": ["env=Pong", "agent.replay_capacity=1000000000"],
    "rationals of a run that is not there": ["act=rational", "act.from=nowhere"],
}


def files(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*"))


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("there", [[], ["runs"], ["runs", "runs/mine.txt"]])
def test_nothing_is_left_of_it(tmp_path, monkeypatch, name, there):
    monkeypatch.chdir(tmp_path)
    for path in there:
        (tmp_path / path).write_text("") if path.endswith("txt") else (tmp_path / path).mkdir()
    before = files(tmp_path)
    with pytest.raises(UserError):
        train(compose_config([*SMALL, *REFUSED[name]]))
    assert files(tmp_path) == before


def test_a_game_whose_package_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "minatar", None)
    with pytest.raises(UserError, match="minatar"):
        train(compose_config(["env=MinAtar-Breakout", "experiment=smoke", "device=cpu"]))
    assert files(tmp_path) == []


def test_a_folder_with_a_run_in_it_stays_as_it_was(train_here):
    folder = train_here(*SMALL)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"}
    with pytest.raises(UserError, match="a run is here already"):
        train(compose_config([*SMALL, f"run_dir={folder}"]))
    assert {path: path.read_bytes() for path in before} == before
