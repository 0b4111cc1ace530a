"""The scores of a run that trains are read bit by bit, and are those of the whole file."""

from __future__ import annotations

import numpy as np

from rrn.runs.scalars import SCORE, ScoreReader, read_measures

HEAD = "step,name,value\n"


def row(step, value, name=SCORE):
    return f"{step},{name},{value!r}\n"


def looked(reader):
    return [array.tolist() for array in reader.look()]


def test_only_what_is_new_is_read(tmp_path, monkeypatch):
    path = tmp_path / "scalars.csv"
    reader, taken = ScoreReader(path), []
    assert looked(reader) == [[], []]
    take = reader._take
    monkeypatch.setattr(reader, "_take", lambda text: (taken.append(text), take(text)))
    lines = [HEAD, row(0, -1.5), row(5, 0.25, "train/loss"), row(10, 1e-07), row(20, float("nan"), "train/loss")]
    for number, line in enumerate(lines):
        with path.open("a") as file:
            file.write(line)
        assert looked(reader)[0] == [[], [0], [0], [0, 10], [0, 10]][number]
    assert taken == [line.encode() for line in lines]
    whole = read_measures(path)[SCORE]
    assert all(np.array_equal(a, b) for a, b in zip(whole, reader.look(), strict=True))


def test_half_a_line_is_left_for_the_next_time(tmp_path):
    path = tmp_path / "scalars.csv"
    path.write_text(HEAD + row(0, 1.0) + "10,evaluation/mean,2")
    reader = ScoreReader(path)
    assert looked(reader) == [[0], [1.0]]
    with path.open("a") as file:
        file.write("5.0\n")
    assert looked(reader) == [[0, 10], [1.0, 25.0]]


def test_a_run_that_goes_on_from_an_earlier_step_is_read_again(tmp_path):
    path = tmp_path / "scalars.csv"
    path.write_text(HEAD + row(0, 1.0) + row(10, 2.0) + row(20, 3.0))
    reader = ScoreReader(path)
    assert looked(reader)[1] == [1.0, 2.0, 3.0]
    path.write_text(HEAD + row(0, 1.0))
    assert looked(reader) == [[0], [1.0]]
    path.write_text(HEAD + row(0, 1.0) + row(10, 7.0) + row(20, 8.0) + row(30, 9.0))
    assert looked(reader) == [[0, 10, 20, 30], [1.0, 7.0, 8.0, 9.0]]
    path.write_text(HEAD + row(0, 1.0) + row(10, 7.5) + row(20, 8.5) + row(30, 9.5) + row(40, 0.0))
    assert looked(reader)[1] == [1.0, 7.5, 8.5, 9.5, 0.0]
    path.unlink()
    assert looked(reader) == [[], []]


def test_a_line_that_is_damaged_gives_no_score(tmp_path):
    path = tmp_path / "scalars.csv"
    path.write_text(HEAD + "0,evaluation/mean,nan\n5,evaluation/mean,1-2\n10,evaluation/mean,1e300\n" + row(20, 3.0))
    assert looked(ScoreReader(path)) == [[20], [3.0]]
