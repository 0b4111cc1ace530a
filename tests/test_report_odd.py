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
