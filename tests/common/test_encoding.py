"""Texts are written and read as UTF-8, whatever the locale says."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.made_runs import make_run
from helpers.paths import ROOT

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
READ, WRITE = {"read_text", "write_text"}, {"open", "fdopen", "NamedTemporaryFile", "TemporaryFile"}
FILES = [*sorted((ROOT / "rrn").rglob("*.py")), *sorted((ROOT / "scripts/reliability").rglob("*.py"))]


def without_encoding(code: str) -> list[int]:
    """Lines of calls that open or read a text in the encoding of the locale."""
    lines = []
    for call in ast.walk(ast.parse(code)):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        owner = call.func.value.id if isinstance(getattr(call.func, "value", None), ast.Name) else ""
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        literals = [a.value for a in [*call.args, *keywords.values()] if isinstance(a, ast.Constant)]
        binary = any(isinstance(text, str) and "b" in text and set(text) <= set("rwaxb+") for text in literals)
        binary |= name in ("NamedTemporaryFile", "TemporaryFile") and not call.args and "mode" not in keywords
        as_text = name in READ or (name in WRITE and not binary and owner not in ("os", "zipfile"))
        as_text |= isinstance(keywords.get("text"), ast.Constant) and keywords["text"].value is True  # of subprocess
        positional = name == "read_text" and call.args  # its first argument is the encoding
        if as_text and "encoding" not in keywords and not positional:
            lines.append(call.lineno)
    return lines


def test_the_search_finds_what_it_is_for():
    code = 'open(p)\nopen(p, "rb")\np.read_text()\np.open("w")\nrun(c, text=True)\np.write_text(t, encoding="utf-8")\n'
    assert without_encoding(code) == [1, 3, 4, 5]


def test_no_text_is_opened_in_the_encoding_of_the_locale():
    calls = {path.relative_to(ROOT).as_posix(): without_encoding(path.read_text("utf-8")) for path in FILES}
    assert {path: lines for path, lines in calls.items() if lines} == {}


COMMANDS = """
import json, runpy, sys
from rrn.common.process import begin_command

begin_command()
for words in json.loads(sys.argv[1]):
    sys.argv = words
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        assert not end.code, (words, end.code)
    print("THE NEXT", flush=True)
"""


def outputs(folder: Path, *commands: str) -> list[str]:
    """What commands print, one after the other in a Python that takes texts to be ASCII."""
    environment = {**os.environ, **ASCII, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COMMANDS, json.dumps([command.split() for command in commands])],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = done.stdout.decode("utf-8", "backslashreplace")
    assert done.returncode == 0, output
    return output.split("THE NEXT\n")[:-1]


@pytest.mark.slow
def test_names_that_are_not_ascii_are_read_where_python_takes_texts_to_be_ascii(tmp_path):
    run = make_run(tmp_path, "Pong", "rational", 0, folder=tmp_path / "runs" / "übung Ω", why="größer", state="stopped")
    status, printed = outputs(tmp_path, "rrn.status runs", "rrn.report runs --out page.html")
    assert "1 stopped" in status
    assert "rational" in printed
    assert "damaged" not in printed
    page = (tmp_path / "page.html").read_text("utf-8")
    assert (run / "config.yaml").read_text("utf-8") in page.replace("&#x27;", "'")


@pytest.mark.slow
def test_a_run_in_a_folder_that_is_not_ascii_is_the_same_everywhere(tmp_path):
    folder = tmp_path / "läufe Ω"
    folder.mkdir()
    train = "rrn.train experiment=smoke env=CartPole act=rational device=cpu run_dir=runs/it"
    _, _, status, _, evaluated, reported = outputs(
        folder,
        train,
        f"{train} steps=500 resume=true",
        "rrn.status",
        "rrn.shapes runs/it",
        "rrn.evaluate runs/it episodes=1",
        "rrn.report --out page.html",
    )
    assert "1 done" in status
    assert "mean" in evaluated
    assert "rational" in reported
    for path in [folder / "page.html", *(p for p in (folder / "runs/it").iterdir() if p.suffix in (".yaml", ".json"))]:
        path.read_text("utf-8")
