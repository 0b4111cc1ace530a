"""The report on folders as users really have them: damaged, doubled, of rationals of an earlier run."""

import json
import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import torch
from helpers.made_runs import make_run

import rrn
from rrn.activations.baselines import PELU
from rrn.activations.inspection.snapshots import SNAPSHOT_FILE
from rrn.common.curves import Curve
from rrn.report.__main__ import main
from rrn.report.aggregates import over_games
from rrn.report.caveats import notes
from rrn.report.cells import against_baseline, make_cells
from rrn.report.missing import to_do
from rrn.report.runs import read_runs
from rrn.report.shape_charts import evolution


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
    assert f"{broken}/scalars.csv, line 2: expected finite scores" in printed
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
            for seed in range(3):
                make_run(Path("runs"), game, act, seed, lambda part, seed=seed: (10 - seed) * part)
    make_run(Path("runs"), "Pong", "recurrent_rational", 0, settings={"lr": 0.5}, folder=Path("runs/own"))
    main(["runs"])
    printed = capsys.readouterr().out
    assert "human-normalised, over 2 games: Breakout, Pong" in printed
    assert "of dqn leave out recurrent_rational act.lr=0.5, for" in " ".join(printed.split())
    assert "P(better than leaky_relu)" in printed
    assert "recurrent_ " not in printed
    assert not re.search(r" to *$", printed, re.MULTILINE)  # intervals are whole, in two tables if need be
    assert "recurrent_r " not in printed
    make_run(Path("runs"), "Pong", "silu", 0)
    main(["runs"])
    assert "no numbers over all games of dqn: its activations do not" in " ".join(capsys.readouterr().out.split())


def test_a_run_of_another_agent_takes_no_game_from_the_others(tmp_path):
    for game in ("Pong", "Seaquest", "Breakout", "Qbert", "Tennis"):
        for act in ("leaky_relu", "rational"):
            make_run(tmp_path, game, act, 0)
    make_run(tmp_path, "Pong", "silu", 0)  # hardly begun
    make_run(tmp_path, "Pong", "relu", 0, agent="ppo", experiment="default")
    (found,) = over_games(make_cells([run.curve for run in read_runs([tmp_path])[0]]))
    assert [one.method[1] for one in found.rows] == ["leaky_relu", "rational"]
    assert list(found.steps) == ["Breakout", "Pong", "Qbert", "Seaquest", "Tennis"]
    assert found.other_methods == [("dqn", "silu")]


def test_settings_that_differ_between_activations_or_from_the_papers_are_named(tmp_path, capsys):
    make_run(tmp_path, "Pong", "leaky_relu", 0)
    run = make_run(tmp_path, "Pong", "rational", 0)
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("gamma: 0.99", "gamma: 0.9"))
    make_run(tmp_path, "Seaquest", "rational", 0, settings={"lr": 0.5})
    make_run(tmp_path, "Breakout", "rational", 0)
    main([str(tmp_path), "--out", str(tmp_path / "page.html")])
    printed = " ".join(capsys.readouterr().out.split())
    assert "Runs of dqn on Pong differ in agent.gamma from one activation to another" in printed
    assert re.search("settings of their own that are not the paper's: [^:]*agent.gamma", printed)
    assert "rational act.lr=0.5" in printed  # on another game, but no less another setting


def test_an_activation_set_otherwise_than_in_the_paper_is_named(tmp_path, capsys):
    for seed in range(2):
        make_run(tmp_path, "Pong", "rational", seed, settings={"version": "N", "degrees": [2, 2]})
    main([str(tmp_path), "--out", str(tmp_path / "page.html")])
    printed = " ".join(capsys.readouterr().out.split())
    assert re.search(r"not the paper's: (?=[^:]*act\.degrees)[^:]*act\.version", printed)
    assert "act.init" not in printed


def test_runs_with_scores_that_no_number_contains_are_named(tmp_path, capsys):
    make_run(tmp_path, "Pong", "rational", 0)
    make_run(tmp_path, "Pong", "rational", 1, state="failed", why="the loss is NaN", done=0.5)
    make_run(tmp_path, "Pong", "rational", 2, state="running", done=0.2)
    main([str(tmp_path), "--out", str(tmp_path / "page.html")])
    printed = " ".join(capsys.readouterr().out.split())
    assert "which count where no other run is finished: 1 failed, 1 running." in printed


def test_seeds_of_the_paper_that_end_before_ours_are_counted():
    ours = [Curve("Pong", "dqn", "rational", 0, np.array([0, 100, 200, 300]), np.zeros(4))]
    paper = [Curve("Pong", "dqn", "rational", seed, np.arange(n) * 100, np.zeros(n)) for seed, n in ((0, 2), (1, 4))]
    found = notes(make_cells(ours, paper), [], [], [])
    assert "Not all seeds of the paper have a curve as long as our runs: Pong, dqn rational (1 of 5)." in found


def test_runs_whose_schedules_have_another_length_are_other_runs(tmp_path):
    for agent in ("ppo", "dqn"):
        for seed, steps in enumerate((100_000, 100_000, 40_000)):
            make_run(tmp_path, "Pong", "relu", seed, agent=agent, experiment="default", steps=steps)
    runs, _ = read_runs([tmp_path])
    assert {(run.curve.agent, run.curve.act) for run in runs} == {
        ("dqn", "relu"),
        ("ppo", "relu"),
        ("ppo", "relu steps=40000"),
    }


def test_each_row_of_a_rational_and_each_activation_that_learns_is_drawn(tmp_path):
    network = torch.nn.Sequential(rrn.Rational(groups=3), PELU(), torch.nn.ReLU())
    with (tmp_path / SNAPSHOT_FILE).open("w") as file:
        for step in (0, 10):
            file.write(rrn.snapshot(network, step).to_json() + "\n")
    chart = evolution(tmp_path)
    lines = [(trace["xaxis"], trace["name"]) for trace in chart["data"] if trace["type"] == "scatter"]
    assert Counter(lines) == {("x1", "step 0"): 3, ("x1", "step 10"): 3, ("x2", "step 0"): 1, ("x2", "step 10"): 1}
    assert sum(trace["showlegend"] for trace in chart["data"]) == 2
    go.Figure(chart["data"], chart["layout"])


def test_a_log_with_a_row_twice_or_a_word_is_left_out(tmp_path, capsys):
    for act, row, message in (
        ("relu", "0,evaluation/mean,1.0", "has 0 again"),
        ("silu", "900000,evaluation/mean,x", "got x"),
    ):
        folder = make_run(tmp_path, "Pong", act, 0)
        with (folder / "scalars.csv").open("a") as file:
            file.write(row + "\n")
        make_run(tmp_path, "Pong", act, 1)
        main([str(tmp_path), "--out", str(tmp_path / "page.html")])
        printed = " ".join(capsys.readouterr().out.split())
        assert message in printed
        assert f"{act} 10.0 (n=1)" in printed


def curve(scores, seed=0, act="rational", game="Pong"):
    return Curve(game, "dqn", act, seed, np.arange(len(scores)) * 100, np.array(scores, float))


def test_numbers_over_all_games_are_after_equal_steps():
    two = ("Pong", "Qbert")
    short = [curve([0, 1, 2], act="leaky_relu", game=game) for game in two]
    (found,) = over_games(make_cells([*short, *(curve([0, 1, 2, 900], game=game) for game in two)]))
    assert found.rows[0].scores == found.rows[1].scores
    assert found.steps == {"Pong": 200, "Qbert": 200}


def test_leaky_relu_is_the_baseline_and_stands_first():
    acts = ("rational", "crelu", "relu", "leaky_relu")
    cells = make_cells([curve([0, score], act=act) for score, act in enumerate(acts)])
    assert [cell.method[1] for cell in cells] == ["leaky_relu", "relu", "crelu", "rational"]
    gaps = {method[1]: gap.difference.value for (_, method), gap in against_baseline(cells).items()}
    assert gaps == {"relu": -1, "crelu": -2, "rational": -3}


def test_notes_on_few_seeds_and_unequal_runs():
    silu = [curve([0, 1], 1, act="silu"), curve([0, 1, 2, 3, 4], 0, act="silu")]
    cells = make_cells([curve([0, 1, 2], act="leaky_relu"), curve([0, 1, 2, 3]), *silu])
    text = " ".join(notes(cells, [], [], []))
    assert "3 of 3 scores rest on fewer than 5 seeds (the fewest: 1)." in text
    assert "1 score is of runs of unequal length" in text
    enough = make_cells([curve([0, 1, 2], seed) for seed in range(5)])
    assert "rest on fewer" not in " ".join(notes(enough, [], [], []))
    gap = make_cells([curve([0, 1], act="leaky_relu"), curve([0, 1, 2])])
    after = "Pong, dqn rational: the difference from the baseline is that after 100 agent steps."
    assert after in notes(gap, [], [], [])


def test_damaged_shapes_and_status_take_nothing_along(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def change(path, **values):
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    for seed, damage in enumerate(
        (
            lambda run: (run / "shapes.jsonl").write_bytes(b"\xff\xfe\n\x00\x81\n"),
            lambda run: (run / "shapes.jsonl").write_text('5\n{"step": 1, "places": []}\n'),
            lambda run: (run / "shapes.jsonl").write_text(
                '{"step": 0, "places": {"a": {"kind": "Rational"}}}\n' + (run / "shapes.jsonl").read_text()
            ),
            lambda run: (run / "shapes.jsonl").write_text(
                re.sub(r'"numerator": \[.*?\]\]', '"numerator": null', (run / "shapes.jsonl").read_text())
            ),
            lambda run: change(run / "status.json", state=None),
            lambda run: change(run / "status.json", state=["done"]),
            lambda run: change(run / "status.json", state="resting"),
            lambda run: change(run / "status.json", updated="yesterday"),
            lambda run: change(run / "status.json", started=None),
            lambda run: change(run / "status.json", updated="2026-01-01T00:00:00"),
            lambda run: change(run / "status.json", go_on=None),
            lambda run: change(run / "status.json", go_on='python -m rrn.train "env=Pong'),
            lambda run: (run / "status.json").write_text("[" * 100_000),
        )
    ):
        damage(make_run(Path("runs"), "Pong", "rational", seed))
    make_run(Path("runs"), "Pong", "relu", 0, folder=Path("runs") / os.fsdecode(b"r\xff"))
    main(["runs", "--seeds", "20"])
    assert "rational 10.0 (n=13)" in " ".join(capsys.readouterr().out.split())


def test_a_run_that_was_cut_does_not_count_as_finished(tmp_path, capsys):
    for seed in range(4):
        make_run(tmp_path, "Pong", "rational", seed)
    (make_run(tmp_path, "Pong", "rational", 4, done=0.1) / "status.json").unlink()
    make_run(tmp_path, "Pong", "rational", 5, done=0.1)
    main([str(tmp_path), "--out", str(tmp_path / "page.html"), "--seeds", "6"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "rational 10.0 (n=4)" in printed
    assert "seed 4 has no status.json, and ends at step 10,000 of 100,000" in printed
    assert "the run is done, but the last evaluation in its scalars.csv is at step 10,000." in printed


def test_a_run_that_goes_beyond_the_others_still_counts(tmp_path, capsys):
    for seed in range(3):
        make_run(tmp_path, "Pong", "rational", seed, state="stopped" if seed == 2 else "done")
    run = tmp_path / "Pong/dqn-rational/seed2"
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("\nsteps: 100000", "\nsteps: 300000"))
    with (run / "scalars.csv").open("a") as file:
        file.write("110000,evaluation/mean,99.0\n")
    main([str(tmp_path), "--out", str(tmp_path / "page.html")])
    assert "rational 10.0 (n=3)" in " ".join(capsys.readouterr().out.split())


def test_rationals_of_two_earlier_runs_are_told_apart(tmp_path):
    sources = ("pong/seed0", "pong/seed1", "qbert/seed0")
    for seed, source in enumerate(sources):
        make_run(tmp_path, "Pong", "rational", seed, settings={"from_run": f"runs/{source}"})
    names = [run.curve.act for run in read_runs([tmp_path])[0]]
    assert names == [*["rational_pretrained"] * 2, "rational_pretrained pretrained=runs/qbert/seed*"]


def test_failed_runs_are_named_beside_the_scores_of_the_others(tmp_path, capsys):
    for seed in range(3):
        failed = {"state": "failed", "why": "the loss is NaN", "done": 0.5} if seed else {}
        make_run(tmp_path, "Pong", "rational", seed, **failed)
    main([str(tmp_path), "--out", str(tmp_path / "page.html")])
    printed = " ".join(capsys.readouterr().out.split())
    assert "may be too good where others failed: Pong, dqn rational (seed 1, 2)." in printed


def test_the_mean_of_a_measure_is_that_of_the_runs_in_the_table(tmp_path):
    for seed in range(3):
        make_run(tmp_path, "Pong", "rational", seed, measures=["plasticity/dormant"])
    make_run(tmp_path, "Pong", "rational", 3, state="stopped", done=0.3, measures=["plasticity/dormant"])
    page = tmp_path / "page.html"
    main([str(tmp_path), "--out", str(page)])
    assert "<h3>Measures of plasticity</h3>" in page.read_text("utf-8")
    charts = json.loads(re.search(r"<script[^>]*json[^>]*>(.*?)</script>", page.read_text("utf-8"), re.DOTALL)[1])
    (mean,) = (trace for trace in charts["Pong dormant"]["data"] if "(n=" in trace["name"])
    assert mean["name"] == "rational (n=3)"
    assert mean["x"][-1] == 100_000
