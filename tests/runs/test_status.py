"""What status.json says of a run, and the table of all of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from rrn.common.console import cli_errors
from rrn.common.errors import UserError
from rrn.common.numbers import count
from rrn.config.compose import compose_config
from rrn.runs.status_file import Status, StatusFile, read_status
from rrn.runs.table import Row, table
from rrn.status import main

SHORT = ["env=CartPole", "experiment=smoke", "steps=100", "agent.warmup=50", "evaluation.every=100", "device=cpu"]


def test_a_dead_process_is_told_apart(tmp_path):
    config = compose_config([*SHORT, f"run_dir={tmp_path}"])
    with StatusFile(tmp_path, config, "again") as file:
        running = read_status(tmp_path)
        assert running.state == "running"
        child = subprocess.Popen(["true"])
        child.wait()
        for other, state in (
            ({"pid": child.pid}, "killed"),
            ({"updated": "2001-01-01T00:00:00+00:00"}, "killed"),  # our number was another process's then
            ({"host": "elsewhere"}, "running"),
            ({"host": "elsewhere", "updated": "2001-01-01T00:00:00+00:00"}, "killed"),
        ):
            file.status = replace(running, **other)
            file._write()
            assert read_status(tmp_path).state == state
        file.path.write_text("{")
        assert read_status(tmp_path) is None
        file.status = running


def test_what_a_run_said_last_is_in_its_status_however_it_ends(tmp_path):
    config = compose_config([*SHORT, f"run_dir={tmp_path}"])
    nothing = float("nan")
    for error, state in ((None, "done"), (UserError("no"), "failed"), (KeyboardInterrupt(), "stopped")):
        with suppress(UserError, KeyboardInterrupt), StatusFile(tmp_path, config, "again") as file:
            for step in (0, 0, 0):  # random play, which is no training
                file.update(step, nothing, nothing)
            assert read_status(tmp_path).steps_per_second is None
            file.update(10, 3.5, nothing)
            file.update(20, -1.0, 7.0)  # not written yet: it is within two seconds
            assert read_status(tmp_path).step == 0
            if error:
                raise error
        status = read_status(tmp_path)
        assert (status.state, status.step, status.last_return, status.last_evaluation) == (state, 20, -1.0, 7.0)
        assert status.steps_per_second > 0


def status_of(state: str, **values: object) -> Status:
    now = "2025-01-01T00:00:00+00:00"
    return replace(
        Status(state, None, 1_234_567, 50_000_000, -20.5, 123456.0, 812.3, 1, "here", now, now, "again"), **values
    )


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_table_fits(width):
    names = [f"runs/Pong/dqn-{act}/seed{seed}" for act in ("relu", "recurrent_rational") for seed in range(0, 20, 5)]
    rows = [Row(Path(name), "running", None, status_of("running")) for name in names]
    rows[2] = Row(Path(names[2]), "failed", "a long story " * 20, status_of("failed", last_return=None))
    rows[3] = Row(Path(names[3]), "waiting")
    lines = table(rows, width)
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("runs/Pong: 8 runs, 6 running, 1 failed, 1 waiting"[:58])
    assert sum("running" in line for line in lines[2:]) == 6
    assert "16h40m" in lines[2]
    assert " ".join(lines).count("story") == 20
    few = table(rows, width, 6)
    assert len(few) == 6
    assert few[-1] == "and 5 more: 5 runs, 3 running, 1 failed, 1 waiting"
    assert ("#" in lines[2] or "...." in lines[2]) == (width > 80)


def test_the_command_prints_the_table(train_here, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    train_here(*SHORT)
    capsys.readouterr()
    main([])
    title, head, row = capsys.readouterr().out.splitlines()
    assert title == "runs/CartPole/dqn-recurrent_rational: 1 run, 1 done"
    assert head.split() == ["run", "state", "step", "/s", "left", "return", "eval"]
    assert row.split()[:2] == ["seed0", "done"]
    assert "100%" in row
    with pytest.raises(SystemExit) as end:
        main(["nowhere"])
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: nowhere: no such folder; give one with runs in it.\n"


@pytest.mark.parametrize("number", [0, 999, 1000, 9_994, 9_996, 99_960, 999_600, 9_996_000, 99_960_000])
def test_a_count_has_five_characters_at_most(number):
    assert len(count(number)) <= 5


def test_a_command_ends_without_a_traceback(tmp_path, capfd):
    with pytest.raises(SystemExit) as end, cli_errors():
        raise KeyboardInterrupt
    assert end.value.code == 128 + signal.SIGINT
    assert capfd.readouterr().err == "stopped\n"
    words = f"{sys.executable} -m rrn.reference scores Pong | true"
    process = subprocess.run(words, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert process.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("words", [("rrn.fit", "tanh"), ("rrn.reference", "scores", "Pong")])
def test_a_closed_pipe_is_no_mistake(words):
    """As of `| head`."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-m", *words], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")
