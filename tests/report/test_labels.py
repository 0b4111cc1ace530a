"""Names of activations in the report after the first hour: a smoke run beside a default one, long lists of settings."""

from __future__ import annotations

import re

from helpers.made_runs import make_run

from rrn.report.__main__ import main
from rrn.report.missing import to_do
from rrn.report.runs import read_runs


def changed(run, **values):
    text = (run / "config.yaml").read_text("utf-8")
    for key, value in values.items():
        text, count = re.subn(rf"^  {key}: .*$", f"  {key}: {value}", text, count=1, flags=re.MULTILINE)
        assert count == 1, key
    (run / "config.yaml").write_text(text, encoding="utf-8")
    return run


def names(folder):
    return sorted(run.curve.act for run in read_runs([folder])[0])


def test_an_experiment_explains_the_settings_that_it_sets(tmp_path):
    for seed in range(2):
        make_run(tmp_path, "Pong", "relu", seed)
    make_run(tmp_path, "Pong", "relu", 0, experiment="modern", folder=tmp_path / "modern")
    assert names(tmp_path) == ["relu", "relu", "relu experiment=modern"]
    missing = {todo.methods: todo.command for todo in to_do(read_runs([tmp_path])[0], 2)}
    command = missing[(("dqn", "relu experiment=modern"),)]
    assert command.endswith("seed=1 experiment=modern resume=true")


def test_smoke_runs_stand_apart_unless_there_are_no_others(tmp_path, capsys):
    smoke = make_run(tmp_path, "Pong", "rational", 0, lambda part: 77 * part, experiment="smoke")
    main([str(tmp_path), "--out", str(tmp_path / "page.html")])
    assert "77.0 (n=1)" in capsys.readouterr().out
    make_run(tmp_path, "Pong", "relu", 0)
    main([str(tmp_path), "--out", str(tmp_path / "page.html")])
    printed = " ".join(capsys.readouterr().out.split())
    assert "77.0" not in printed
    assert "1 run with experiment=smoke, which try everything once and learn nothing; the page lists them." in printed
    assert str(smoke) in (tmp_path / "page.html").read_text("utf-8")


def test_a_long_list_of_settings_is_a_number_with_a_note(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    many = {"gamma": 0.5, "batch_size": 7, "warmup": 9}
    for act in ("relu", "rational"):
        for seed in range(2):
            make_run(tmp_path, "Pong", act, seed)
        changed(make_run(tmp_path, "Pong", act, 0, folder=tmp_path / f"own_{act}"), **many)
    changed(make_run(tmp_path, "Pong", "relu", 3), gamma=0.9)
    assert sorted(set(names(tmp_path))) == ["rational", "rational [1]", "relu", "relu [1]", "relu agent.gamma=0.9"]
    main([str(tmp_path), "--out", str(tmp_path / "page.html")])
    printed = capsys.readouterr().out
    assert "[1] means agent.batch_size=7, agent.gamma=0.5, agent.warmup=9." in " ".join(printed.split())
    assert max(len(line) for line in printed.splitlines() if not line.startswith("  python")) <= 80
