"""The report on folders as users really have them: damaged, doubled, of rationals of an earlier run."""

import json
import re
from pathlib import Path

from made_runs import make_run

from rrn.report.__main__ import main
from rrn.report.runs import read_runs
from rrn.report.todo import to_do


def test_what_is_odd_takes_no_other_run_along(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = Path("runs")
    for seed in range(3):
        make_run(runs, "Pong", "rational", seed, folder=runs / f"pre{seed}", settings={"from_run": f"other/seed{seed}"})
    make_run(runs, "Pong", "relu", 0)
    again = make_run(runs, "Pong", "relu", 0, steps=50_000, folder=runs / "again")
    broken = make_run(runs, "Pong", "relu", 1)
    (broken / "scalars.csv").write_bytes(b"step,name,value\n10,evaluation/mean,nan\n")
    shapes = make_run(runs, "Pong", "rational", 0) / "shapes.jsonl"
    shapes.write_bytes(b"\x00\x00\n" + shapes.read_bytes())
    (make_run(runs, "Pong", "silu", 0) / "status.json").write_text('{"steps": 0}')
    main([str(runs), str(runs / "again"), "--seeds", "3", "--out", "page.html"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "rational_pretrained" in printed
    assert "from_run" not in printed
    assert f"{again}: runs/Pong/dqn-relu/seed0 has the same settings and seed" in printed
    assert f"{broken}: expected finite scores" in printed
    assert json.loads(re.search(r"<script[^>]*json[^>]*>(.*?)</script>", Path("page.html").read_text(), re.DOTALL)[1])
    runs, _ = read_runs([runs])
    missing = {(one.methods, one.command) for one in to_do(runs, 4) if "missing" in one.what}
    assert ((("dqn", "rational_pretrained"),), None) in missing


def test_a_dangling_video_and_a_measure_of_one_point(tmp_path, capsys):
    folder = make_run(tmp_path, "Pong", "rational", 0, done=0.0, state="stopped", measures=["plasticity/dormant"])
    (folder / "videos").mkdir()
    (folder / "videos/best.mp4").symlink_to(tmp_path / "moved.mp4")
    main([str(tmp_path), "--out", str(tmp_path / "page.html")])
    charts = re.search(
        r"<script[^>]*json[^>]*>(.*?)</script>", (tmp_path / "page.html").read_text(encoding="utf-8"), re.DOTALL
    )[1]
    assert [trace["mode"] for trace in json.loads(charts)["Pong dormant"]["data"]] == ["markers"]


def test_an_agent_is_asked_for_only_where_it_was_begun(tmp_path):
    make_run(tmp_path, "Pong", "rational", 0)
    make_run(tmp_path, "Breakout", "relu", 0, agent="ddqn")
    wanted = {(one.games, one.methods) for one in to_do(read_runs([tmp_path])[0], 2)}
    assert wanted == {(("Pong",), (("dqn", "rational"),)), (("Breakout",), (("ddqn", "relu"),))}


def test_numbers_over_all_games_say_what_they_leave_out(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for game in ("Pong", "Breakout"):
        for act in ("leaky_relu", "recurrent_rational"):
            make_run(Path("runs"), game, act, 0)
    make_run(Path("runs"), "Pong", "recurrent_rational", 0, settings={"lr": 0.5}, folder=Path("runs/own"))
    main(["runs"])
    printed = capsys.readouterr().out
    assert "human-normalised, over 2 games: Breakout, Pong" in printed
    assert "leave out dqn recurrent_rational act.lr=0.5, which" in " ".join(printed.split())
    assert "recurrent_ " in printed  # broken there, and nowhere else
    assert "recurrent_r " not in printed
    make_run(Path("runs"), "Pong", "silu", 0)
    main(["runs"])
    assert "no numbers over all games, since no two games" in " ".join(capsys.readouterr().out.split())
