"""Every command has --help and --version, refuses what it does not know in one line, and reads numbers alike."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from importlib import import_module

import pytest
from helpers.paths import ROOT

import rrn
from rrn.__main__ import COMMANDS
from rrn.common.command_line import CommandParser, at_least_one, finite_number, whole_number
from rrn.common.console import cli_errors
from rrn.common.errors import UserError
from rrn.evaluate import parse

WAYS = [(name, way) for name in COMMANDS for way in ("module", "rrn")]


@pytest.fixture
def run(command, monkeypatch):
    """Run a command as `python -m rrn.NAME WORDS` or as `rrn NAME WORDS`."""
    monkeypatch.setenv("COLUMNS", "80")
    return lambda way, name, *words: command(*(["rrn", name] if way == "rrn" else [f"rrn.{name}"]), *words)


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_help_and_version(run, name, way):
    for word in ("--help", "-h"):
        done = run(way, name, word)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"python -m rrn.{name}" in done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 81 + 30 * (name == "study")
    done = run(way, name, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"rrn {rrn.__version__}\n", "")


@pytest.mark.parametrize(("name", "way"), WAYS)
@pytest.mark.parametrize("word", ["--nope", "--nope=1", "-x"])
def test_an_unknown_option_is_one_line(run, name, way, word):
    done = run(way, name, word)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("word", ["x" * 300, "a" * 5000])
def test_a_name_that_is_too_long_is_one_line(run, word):
    for name in ("evaluate", "status", "report", "shapes"):
        done = run("module", name, word)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["episodes=1k"], "episodes", 1000),
        (["episodes=1e3"], "episodes", 1000),
        (["num_envs=0.5k"], "num_envs", 500),
        (["epsilon=1e0"], "epsilon", 1.0),
        (["epsilon=null"], "epsilon", None),
        (["epsilon="], "epsilon", None),
        (["video='a b.mp4'"], "video", "a b.mp4"),
        (["video=null"], "video", None),
        (["checkpoint=a=b"], "checkpoint", "a=b"),
        (["seed=1", "seed=2"], "seed", 2),
        (["deterministic=True"], "deterministic", True),
        (["deterministic=false", "epsilon=0.1"], "epsilon", 0.1),
        (["render=human"], "render", "human"),
    ],
)
def test_evaluate_reads_values(words, name, value):
    settings = parse(["run", *words])[1]
    assert getattr(settings, name) == value
    assert type(getattr(settings, name)) is type(value)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("seed=${nope}", "seed: expected a whole number, got '${nope}'."),
        ("seed=[", "seed: expected a whole number, got '['."),
        ("seed=1.9", "seed: expected a whole number, got '1.9'."),
        ("seed=null", "seed: expected a whole number, got null."),
        ("seed=5000000000", "seed: expected a number from 0 to 4294967295"),
        ("episodes=0", "episodes: expected a number from 1 to 1000000, got 0."),
        ("num_envs=1e9", "num_envs: expected a number from 1 to 4096, or null, got 1000000000."),
        ("epsilon=nan", "epsilon: expected a number from 0 to 1, or null, got nan."),
        ("epsilon=x", "epsilon: expected a number, got 'x'."),
        ("device=null", "device: expected a word, got null."),
        ("checkpoint=~nobody_at_all/x", "there is no user of this name"),
        ("episods=3", "episods: no such setting. Did you mean episodes?"),
        ("deterministic=1", "deterministic: expected true or false, got 1."),
        ("deterministic=null", "deterministic: expected true or false, got null."),
        ("render=window", "render: expected human, or null, got window."),
    ],
)
def test_evaluate_refuses_values(word, message):
    with pytest.raises(UserError) as refused:
        parse(["run", word])
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["deterministic=true", "epsilon=0.1"], "deterministic=true plays without random actions; leave epsilon out."),
        (["other", "checkpoint=a.pt"], "checkpoint is a file of one run; leave it out for several."),
    ],
)
def test_evaluate_refuses_words_that_do_not_go_together(words, message):
    with pytest.raises(UserError, match=message):
        parse(["run", *words])


@pytest.mark.parametrize(("text", "number"), [("1k", 1000), ("1e3", 1000), ("1.5M", 1_500_000), ("-3", -3), ("0", 0)])
def test_whole_numbers(text, number):
    assert whole_number(text) == number
    assert finite_number(text) == float(number)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        *((whole_number, text) for text in ("1.5", "x", "", "1e99", "nan")),
        *((at_least_one, text) for text in ("0", "-1", "1e7", "x")),
        *((finite_number, text) for text in ("nan", "inf", "-inf", "1e999", "x")),
    ],
)
def test_what_is_no_such_number(read, text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected a "):
        read(text)


def test_a_mistake_of_argparse_is_a_sentence(capsys):
    parser = CommandParser("python -m rrn.thing", "It does things.")
    parser.add_argument("--size", type=whole_number)
    for words, message in (
        (
            ["--size", "x"],
            "--size: expected a whole number, got x; python -m rrn.thing --help says",
        ),
        (["--siz", "3"], "--siz: no such option; "),
    ):
        with pytest.raises(SystemExit) as end:
            parser.parse_args(words)
        assert end.value.code == 2
        assert capsys.readouterr().err.startswith(f"error: {message}")


def test_an_error_of_the_system_is_a_sentence(capsys):
    with pytest.raises(SystemExit) as end, cli_errors():
        os.listdir("/proc/none/file")
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: /proc/none/file: No such file or directory.\n"


@pytest.mark.slow
def test_the_harness_of_command_lines_finds_no_fault():
    script = ROOT / "scripts/reliability/command_lines.py"
    done = subprocess.run([sys.executable, script, "--lines", "240", "--seed", "1"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "0 faults" in done.stdout


@pytest.mark.slow
def test_the_harness_of_kills_finds_no_difference(monkeypatch, capsys):
    monkeypatch.syspath_prepend(ROOT / "scripts/reliability")
    monkeypatch.setattr(sys, "argv", ["kills.py", "--kills", "1"])
    with pytest.raises(SystemExit) as end:
        import_module("kills").main()
    printed = capsys.readouterr().out
    assert end.value.code == 0, printed
    assert "0 differences" in printed
