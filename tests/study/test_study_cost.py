"""What a run of a study costs: measured in seconds, or known from runs that were made here."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.made_runs import make_run
from helpers.tiny_study import TINY

from rrn.runs.status_file import read_status
from rrn.study import cost
from rrn.study.__main__ import main
from rrn.study.plan import Method, PlannedRun


@pytest.mark.slow
def test_cost_is_measured_once_and_of_runs_where_there_are_any(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cost, "SECONDS", 0.3)
    (tmp_path / "plan.yaml").write_text(TINY)
    texts = []
    for _ in range(2):
        with pytest.raises(SystemExit):
            main(["plan.yaml"])
        texts.append(capsys.readouterr().out)
    assert texts[0].count("measuring the speed") == 2
    assert "measuring" not in texts[1]
    with pytest.raises(SystemExit):
        main(["plan.yaml", "measure=true"])
    assert capsys.readouterr().out.count("measuring the speed") == 2
    rate = re.search(r"dqn relu: ([\d,]+) agent steps a second, measured on CartPole", texts[1])
    assert int(rate[1].replace(",", "")) > 0
    assert "GB of checkpoints" in texts[1]
    make_run(Path("runs"), "CartPole", "relu", 0, done=0.5, state="stopped", why="SIGTERM")  # 100 steps a second
    with pytest.raises(SystemExit):
        main(["plan.yaml"])
    assert "dqn relu: 100 agent steps a second, 1 run on this machine" in capsys.readouterr().out


def test_a_run_that_was_short_says_nothing_about_speed_and_a_long_one_says_what_its_checkpoints_take(tmp_path):
    folder = make_run(tmp_path, "CartPole", "relu", 0)
    (folder / "checkpoints").mkdir()
    for step, size in ((100, 10_000), (200, 20_000)):
        (folder / f"checkpoints/step_{step:010d}.pt").write_bytes(bytes(size))
    (folder / "checkpoints/step_0000000300.pt").symlink_to(tmp_path / "just deleted")
    status = read_status(folder)
    run = PlannedRun("CartPole", Method("dqn", "relu"), 0, 100_000, folder, transitions=50_000)
    found = cost.from_runs([(run, status)], keep=3)
    assert found == cost.Cost(100, 60_000, "1 run on this machine", 50_000)
    assert found.disk_of(replace(run, transitions=100_000)) == 120_000
    faster = replace(status, steps_per_second=300.0)
    both = cost.from_runs([(run, status), (run, faster)], keep=3)
    assert (both.rate, both.how) == (200, "median of 2 runs on this machine, 100 to 300")
    assert cost.from_runs([(run, replace(status, started=status.updated))], keep=3) is None
    assert cost.from_runs([(run, replace(status, host="another"))], keep=3) is None


@pytest.mark.parametrize(
    "text", ["5", "[]", '{"a": 5}', '{"a": {"rate": 1}}', '{"a": {"rate": "x", "disk": 1, "how": ""}}', "{"]
)
def test_a_damaged_file_of_speeds_counts_as_none(tmp_path, monkeypatch, text):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "rrn").mkdir()
    (tmp_path / "rrn/speed.json").write_text(text)
    assert cost._read() == {}
