"""Files of a run that somebody deletes while it goes on, or before it is resumed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import datetime

import pytest
from helpers.marks import slow
from helpers.scalars import read_scalars

from rrn.common.errors import UserError
from rrn.common.files import write_atomic
from rrn.config.compose import compose_config
from rrn.runs.lock import RunLock
from rrn.runs.status_file import Status
from rrn.training.run import train
from rrn.training.trainer import Trainer

SMALL = ("env=CartPole", "experiment=smoke", "steps=120", "evaluation.every=60", "checkpoint.every=40", "threads=1")


def configured(folder, **changes):
    return replace(compose_config([*SMALL, "device=cpu", f"run_dir={folder}"]), **changes)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert train(configured(folder)) is None
    return folder


def interfered(folder, step, interfere):
    """Train with something done to the folder at a step."""
    config = configured(folder)
    trainer = Trainer(config, folder, lambda: trainer.step == step and interfere())
    return trainer.run()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["scalars.csv", *slow("shapes.jsonl", "config.yaml", "checkpoints", ".")])
def test_what_is_deleted_while_a_run_goes_on_is_there_in_the_end(tmp_path, whole, name):
    folder = tmp_path / "run"
    folder.mkdir()

    def delete():
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    assert interfered(folder, 70, delete)
    assert read_scalars(folder) == read_scalars(whole)
    assert (folder / "shapes.jsonl").read_bytes() == (whole / "shapes.jsonl").read_bytes()
    assert "name: CartPole" in (folder / "config.yaml").read_text()
    assert train(configured(folder, resume=True, steps=160)) is None  # and it goes on


def test_a_log_that_another_file_takes_the_place_of_is_written_again(tmp_path, whole):
    """As an editor does, which writes a new file and renames it."""

    def rename():
        (tmp_path / "other").write_text("step,name,value\n")
        os.replace(tmp_path / "other", tmp_path / "scalars.csv")

    assert interfered(tmp_path, 70, rename)
    assert read_scalars(tmp_path) == read_scalars(whole)


@pytest.mark.parametrize("name", ["scalars.csv", "shapes.jsonl"])
def test_a_run_whose_log_is_lost_goes_on_without_what_it_held(tmp_path, whole, capsys, name):
    folder = shutil.copytree(whole, tmp_path / "run")
    (folder / name).unlink()
    assert train(configured(folder, resume=True, steps=160)) is None
    assert f"{name} is gone, and what it held from before step 120" in capsys.readouterr().err
    assert train(configured(folder, resume=True, steps=200)) is None
    assert "is gone" not in capsys.readouterr().err
    if name == "scalars.csv":
        assert (folder / name).read_text().startswith("step,name,value\n")
        steps = {step for step, _, _ in read_scalars(folder)}
        assert min(steps) > 120
        assert {160, 180, 200} <= steps


def status_of(folder, state, pid):
    now = datetime.now().astimezone().isoformat()
    status = Status(state, None, 5, 10, None, None, None, pid, socket.gethostname(), now, now, "")
    write_atomic(folder / "status.json", json.dumps(asdict(status)))


def test_a_lock_file_that_is_deleted_is_taken_again(tmp_path):
    with RunLock(tmp_path) as lock:
        (tmp_path / "lock").unlink()
        assert lock.watch(lambda: True)()
        with pytest.raises(UserError, match="another process is training here"):
            RunLock(tmp_path).__enter__()
    with RunLock(tmp_path):
        pass


def test_the_slower_of_two_processes_ends_if_the_lock_file_was_deleted(tmp_path):
    with RunLock(tmp_path) as lock:
        (tmp_path / "lock").unlink()
        with (
            RunLock(tmp_path),
            pytest.raises(UserError, match="was deleted, and another process is training here now"),
        ):
            lock.watch(lambda: False)()


@pytest.mark.parametrize(("state", "refused"), [("running", True), ("stopped", False), ("done", False)])
def test_without_its_lock_file_a_running_process_is_known_by_its_status(tmp_path, state, refused):
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        status_of(tmp_path, state, other.pid)
        if refused:
            with pytest.raises(UserError, match=f"process {other.pid} on .* is training here, though its lock file"):
                RunLock(tmp_path).__enter__()
        else:
            with RunLock(tmp_path):
                pass
    finally:
        other.communicate(b"\n")
    status_of(tmp_path, "running", other.pid)  # it is no more: killed
    with RunLock(tmp_path):
        pass


def test_a_refused_process_leaves_no_lock_file_that_hides_the_next_one(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        status_of(tmp_path, "running", other.pid)
        for _ in range(2):
            with pytest.raises(UserError, match="though its lock file is gone"):
                RunLock(tmp_path).__enter__()
    finally:
        other.communicate(b"\n")


def test_a_text_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    calls = []
    fsync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (calls.append("sync"), fsync(file)))
    monkeypatch.setattr(os, "replace", lambda *paths: (calls.append("rename"), rename(*paths)))
    write_atomic(tmp_path / "a.txt", "text ü")
    assert calls == ["sync", "rename", "sync"]
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "text ü"
