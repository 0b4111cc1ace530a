"""The command `rrn`: it lists the commands and runs them, each as `python -m rrn.COMMAND` does."""

from __future__ import annotations

import re

import pytest
from helpers.paths import ROOT

import rrn
from rrn.__main__ import COMMANDS, main


def test_alone_it_lists_every_command(capsys):
    main([])
    listed = capsys.readouterr().out
    files = [path for path in (ROOT / "rrn").glob("*.py") if 'if __name__ == "__main__":' in path.read_text("utf-8")]
    modules = {path.stem for path in files} | {path.parent.name for path in (ROOT / "rrn").glob("*/__main__.py")}
    assert set(COMMANDS) == modules - {"__main__"}
    assert all(f"  {name} " in listed for name in COMMANDS)
    assert max(map(len, listed.splitlines())) <= 80


def test_it_says_its_version(capsys):
    main(["--version"])
    assert capsys.readouterr().out == f"rrn {rrn.__version__}\n"


def test_a_command_takes_the_other_words(command, capsys):
    same = command("rrn.reference", "protocol", "Pong")
    assert command("rrn", "reference", "protocol", "Pong").stdout == same.stdout
    assert "env.frame_skip" in same.stdout or "frame" in same.stdout


def test_the_code_of_a_command_is_that_of_rrn(command):
    refused = command("rrn", "train", "act=recurrent-rational")
    assert refused.returncode == 2
    assert "Did you mean recurrent_rational?" in refused.stderr


def test_a_wrong_name_gets_a_suggestion(capsys):
    with pytest.raises(SystemExit) as end:
        main(["trian"])
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: trian: no such command. Did you mean train?\n"


def test_ruff_before_a_commit_is_that_of_the_tests():
    hook = re.search(r"rev: v([\d.]+)", (ROOT / ".pre-commit-config.yaml").read_text())[1]
    assert f"ruff=={hook}\n" in (ROOT / "constraints.txt").read_text()
