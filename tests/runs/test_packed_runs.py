"""Runs that are kept packed, their logs as .gz files, are read as they were."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from helpers.made_runs import make_run

from rrn.activations.inspection.snapshots import read_snapshots
from rrn.common.foreign_files import read_packed
from rrn.report.runs import read_runs
from rrn.report.shape_charts import moments
from rrn.runs.folder import find_runs

NAMES = ("scalars.csv", "shapes.jsonl", "software.jsonl")


def pack(folder) -> None:
    for name in NAMES:
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()


def all_that_is_read(folder) -> tuple:
    (run,), damaged = read_runs([folder])
    shapes = [one.to_json() for one in read_snapshots(folder)]
    series = {name: np.stack(both).tolist() for name, both in run.measures.items()}
    some = [one.to_json() for one in moments(folder / "shapes.jsonl", [])]
    return run.curve.steps.tolist(), series, run.software, damaged, shapes, some, find_runs([folder], "shapes.jsonl")


@pytest.fixture
def folder(tmp_path):
    folder = make_run(tmp_path, "Pong", "rational", 0, measures=["plasticity/dormant"])
    (folder / "software.jsonl").write_text(json.dumps({"step": 0, "torch": "2.0"}) + "\n")
    return folder


def test_a_packed_run_is_read_as_it_was(folder):
    before = all_that_is_read(folder)
    pack(folder)
    assert all_that_is_read(folder) == before
    assert len(before[0]) == len(before[4]) == 11
    assert before[2] == [{"step": 0, "torch": "2.0"}]
    assert find_runs([folder / "shapes.jsonl.gz"], "shapes.jsonl") == {"seed0": folder}


def test_a_file_counts_before_the_packed_one(folder):
    (folder / "scalars.csv.gz").write_bytes(gzip.compress(b"step,name,value\n1,evaluation/mean,9\n"))
    assert len(read_runs([folder])[0][0].curve.steps) == 11


@pytest.mark.parametrize("damage", [lambda packed: packed[:-9], lambda packed: b"no gzip", lambda packed: packed[:30]])
def test_a_damaged_packed_file_is_one_sentence(folder, damage):
    pack(folder)
    path = folder / "scalars.csv.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"scalars\.csv\.gz: this file is damaged"):
        read_packed(folder / "scalars.csv")
    runs, sentences = read_runs([folder])
    assert not runs
    assert sentences == [f"{path}: this file is damaged; restore it from a backup."]
    for name in NAMES[1:]:  # what the run is without these is still read
        (folder / f"{name}.gz").write_bytes(b"no gzip")
    path.write_bytes(gzip.compress(b"step,name,value\n100000,evaluation/mean,9\n"))
    (run,), _ = read_runs([folder])
    assert run.software == []
    named: list[str] = []
    assert moments(folder / "shapes.jsonl", named) == []
    assert named == [f"{folder / 'shapes.jsonl.gz'}: this file is damaged; restore it from a backup."]


def test_nothing_is_read_where_there_is_neither(tmp_path):
    assert read_packed(tmp_path / "scalars.csv") == b""
